//go:build go1.23

package main

import "iter"

// versionCages starts the kinds that need Go 1.23: a coroutine that is never resumed.
func versionCages() {
	sequence := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	next, stop := iter.Pull(iter.Seq[int](sequence))
	keep(next, stop)
	next()
	go func() {
		for range sequence {
			<-make(chan int)
		}
	}()
}
