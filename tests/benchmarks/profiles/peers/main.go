// Peers times other parsers of goroutine dumps on one file and prints JSON lines.
//
//	peers ROUNDS FILE [PEER...]
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/DataDog/gostackparse"
	"github.com/maruel/panicparse/v2/stack"
)

type result struct {
	Peer       string  `json:"peer"`
	Goroutines int     `json:"goroutines"`
	Groups     int     `json:"groups"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Errors     int     `json:"errors"`
}

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	body, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	for name, run := range map[string]func([]byte) result{
		"gostackparse": gostackparseFrames, "gostackparse+groups": gostackparseGroups, "panicparse": panicparse,
	} {
		if len(os.Args) > 3 && !slices.Contains(os.Args[3:], name) {
			continue
		}
		best := run(body)
		for i := 1; i < rounds; i++ {
			again := run(body)
			best.Seconds = min(best.Seconds, again.Seconds)
			best.CPUSeconds = min(best.CPUSeconds, again.CPUSeconds)
		}
		if err := json.NewEncoder(os.Stdout).Encode(best); err != nil {
			panic(err)
		}
	}
}

// watch measures wall and CPU time, the latter of all threads: what the collector does is a cost.
type watch struct {
	wall time.Time
	cpu  time.Duration
}

func start() watch { return watch{time.Now(), used()} }

func (w watch) stop(peer string, goroutines, groups, errors int) result {
	return result{
		peer, goroutines, groups, time.Since(w.wall).Seconds(), (used() - w.cpu).Seconds(), errors,
	}
}

func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func gostackparseFrames(body []byte) result {
	watch := start()
	goroutines, errs := gostackparse.Parse(bytes.NewReader(body))
	return watch.stop("gostackparse", len(goroutines), 0, len(errs))
}

// gostackparseGroups adds the least that makes groups of goroutines: a key of state, functions
// and lines, counted in a map.
func gostackparseGroups(body []byte) result {
	watch := start()
	goroutines, errs := gostackparse.Parse(bytes.NewReader(body))
	counts := map[string]int{}
	var key []byte
	for _, g := range goroutines {
		key = append(key[:0], g.State...)
		for _, frame := range g.Stack {
			key = append(append(key, '\n'), frame.Func...)
			key = strconv.AppendInt(append(key, ':'), int64(frame.Line), 10)
		}
		counts[string(key)]++
	}
	return watch.stop("gostackparse+groups", len(goroutines), len(counts), len(errs))
}

// panicparse gets its best case: no search for sources.
func panicparse(body []byte) result {
	watch := start()
	total, groups, errors := 0, 0, 0
	reader := io.Reader(bytes.NewReader(body))
	snapshot, suffix, err := stack.ScanSnapshot(reader, io.Discard, &stack.Opts{})
	if err != nil && err != io.EOF {
		errors++
		fmt.Fprintln(os.Stderr, err)
	}
	_ = suffix
	if snapshot != nil {
		total = len(snapshot.Goroutines)
		groups = len(snapshot.Aggregate(stack.AnyPointer).Buckets)
	}
	return watch.stop("panicparse", total, groups, errors)
}
