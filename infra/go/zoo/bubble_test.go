//go:build go1.25

package main

import (
	"flag"
	"os"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"
)

var bubbleDump = flag.String("bubble-dump", "", "write a dump taken inside a bubble to this file")

// TestBubble leaves goroutines blocked in a synctest bubble, durably and not, and dumps them.
func TestBubble(t *testing.T) {
	if *bubbleDump == "" {
		t.Skip("no -bubble-dump")
	}
	synctest.Test(t, func(t *testing.T) {
		inside := make(chan int)
		stop := make(chan struct{})
		go receiver(inside)
		go heartbeat(stop)
		go time.Sleep(time.Minute)
		synctest.Wait()
		file, err := os.Create(*bubbleDump)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := pprof.Lookup("goroutine").WriteTo(file, 2); err != nil {
			t.Fatal(err)
		}
		close(stop)
		inside <- 1
		time.Sleep(2 * time.Minute) // the bubble's clock, so that the sleeper ends
	})
}
