// Package proto is the wire form of the connector contract, generated from
// connector.proto. Connector authors in Go use package sdk instead.
package proto

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.50.0 generate
