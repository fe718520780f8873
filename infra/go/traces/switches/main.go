//go:build go1.23

// Command switches hands control between coroutines as fast as it can: a storm of GoSwitch events.
package main

import (
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime/trace"
	"time"
)

func count(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func main() {
	out := flag.String("trace", "", "file to write the trace to")
	seconds := flag.Float64("seconds", 2, "length of the trace")
	flag.Parse()
	file, err := os.Create(*out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := trace.Start(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	end := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	for time.Now().Before(end) {
		next, stop := iter.Pull(count)
		for i := 0; i < 10000; i++ {
			next()
		}
		stop()
	}
	trace.Stop()
	_ = file.Close()
}
