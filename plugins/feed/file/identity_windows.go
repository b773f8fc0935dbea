package main

import "os"

// inode: size and time tell files apart here.
func inode(os.FileInfo) uint64 { return 0 }

// syncFolder: a rename lasts here once it is done.
func syncFolder(string) error { return nil }
