// Command busy is a healthy HTTP server under load: handlers, a worker pool, timers, contexts and
// in-process clients over loopback connections that stay open. Nothing in it leaks.
//
// With -trace it records itself for -seconds and ends; without, it serves /debug/pprof until killed
// and prints its address.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"runtime/trace"
	"sync"
	"time"
)

type job struct {
	value  int
	answer chan<- int
}

func worker(jobs <-chan job) {
	for j := range jobs {
		j.answer <- j.value * 2
	}
}

func handler(jobs chan<- job) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		answers := make(chan int, 4)
		var group sync.WaitGroup
		for i := 0; i < 4; i++ {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				select {
				case jobs <- job{i, answers}:
				case <-ctx.Done():
					answers <- 0
				}
			}(i)
		}
		sum := 0
		for i := 0; i < 4; i++ {
			sum += <-answers
		}
		group.Wait()
		fmt.Fprintln(w, sum)
	}
}

func client(ctx context.Context, http *http.Client, url string, pause time.Duration) {
	for ctx.Err() == nil {
		response, err := http.Get(url)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

func main() {
	out := flag.String("trace", "", "file to write a trace to; empty: serve until killed")
	seconds := flag.Float64("seconds", 3, "length of the trace")
	clients := flag.Int("clients", 16, "in-process clients")
	parked := flag.Int("parked", 0, "goroutines parked for the life of the process")
	pause := flag.Duration("pause", 0, "pause of a client between two requests")
	flag.Parse()

	jobs := make(chan job)
	for i := 0; i < 8; i++ {
		go worker(jobs)
	}
	for i := 0; i < *parked; i++ {
		go func() { select {} }()
	}
	http.Handle("/work", handler(jobs))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(listener, nil) }()
	url := "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: *clients + 4}
	shared := &http.Client{Transport: transport}
	for i := 0; i < *clients; i++ {
		go client(context.Background(), shared, url+"/work", *pause)
	}
	if *out == "" {
		fmt.Println(url)
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt)
		<-stop
		return
	}
	time.Sleep(300 * time.Millisecond)
	file, err := os.Create(*out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := trace.Start(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(time.Duration(*seconds * float64(time.Second)))
	trace.Stop()
	_ = file.Close()
}
