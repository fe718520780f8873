// Package service is what every service of the shop has in common: flags, one loopback listener
// with business routes, /metrics and /debug/pprof/, its own customers, and a clean stop.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// Service is one business service, ready to be served.
type Service struct {
	Handler http.Handler
	// Everyday are the requests of ordinary customers, as path and query.
	Everyday []string
	// Faulty is a request that takes the branch with the bug; empty in a service without one.
	Faulty string
}

// Opener makes a service that can reach itself at a base URL; ctx ends when it must stop.
type Opener func(ctx context.Context, base string) Service

type options struct {
	address         string
	leakRate        float64
	requestRate     float64
	burst           int
	burstEvery      time.Duration
	stopsWithParent bool
}

// Main serves until SIGTERM, SIGINT or, with -stop-with-parent, the end of standard input.
func Main(name string, open Opener) {
	if err := run(name, open, parse(name)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func parse(name string) options {
	var o options
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.StringVar(&o.address, "addr", "127.0.0.1:0", "loopback address to listen on")
	flags.Float64Var(&o.leakRate, "leak-rate", 3, "faulty requests a second")
	flags.Float64Var(&o.requestRate, "request-rate", 15, "ordinary requests a second")
	flags.IntVar(&o.burst, "burst", 40, "requests in a burst, all at once")
	flags.DurationVar(&o.burstEvery, "burst-every", 10*time.Second, "time between bursts")
	flags.BoolVar(&o.stopsWithParent, "stop-with-parent", false,
		"stop when standard input ends, as it does when the parent is gone")
	_ = flags.Parse(os.Args[1:]) // ExitOnError: it does not return one.
	return o
}

func run(name string, open Opener, o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := listenLoopback(o.address)
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	base := "http://" + address
	shop := open(ctx, base)
	server := &http.Server{Handler: routes(shop.Handler), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := announce(name, address); err != nil {
		return err
	}
	if o.stopsWithParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	newCustomers(base).start(ctx, shop, o)
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-served:
		return err
	}
}

// listenLoopback refuses any other interface: pprof must not be reachable from a network.
func listenLoopback(address string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !tcp.IP.IsLoopback() {
		return nil, errors.New(address + " is not a loopback address such as 127.0.0.1:0")
	}
	return net.ListenTCP("tcp", tcp)
}

// announce prints the only line on standard output: where the service can be reached.
func announce(name, address string) error {
	return json.NewEncoder(os.Stdout).Encode(struct {
		Service string `json:"service"`
		Address string `json:"address"`
		PID     int    `json:"pid"`
		Go      string `json:"go"`
	}{name, address, os.Getpid(), runtime.Version()})
}

func routes(business http.Handler) http.Handler {
	counted := &requestCounter{next: business, byCode: map[int]uint64{}}
	mux := http.NewServeMux()
	mux.Handle("/", counted)
	mux.HandleFunc("GET /metrics", counted.metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
