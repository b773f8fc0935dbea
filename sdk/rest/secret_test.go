package rest_test

import (
	"testing"

	"github.com/synchost/synchost/sdk/rest"
)

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "proxy-authorization": true, "X-Auth": true, "X-Auth-Key": true, "Cookie": true, "X-API-Key": true,
		"X-Shop-Token": true, "Client-Secret": true, "Webhook-Signature": true,
		"Content-Type": false, "X-Author": false, "X-Code": false, "Webhook-Id": false, "": false,
	} {
		if got := rest.SecretHeader(name); got != want {
			t.Errorf("SecretHeader(%q) = %t", name, got)
		}
	}
	for name, want := range map[string]bool{
		"code": true, "Key": true, "sig": true, "auth": true, "access_token": true, "api%5Fkey": true, "c%6Fde": true, "X-Amz-Signature": true,
		"codes": false, "monkey": false, "Product": false, "%zz": false, "": false,
	} {
		if got := rest.SecretParam(name); got != want {
			t.Errorf("SecretParam(%q) = %t", name, got)
		}
	}
}
