// Command leaky leaks a known number of goroutines while an execution trace runs, and says how many.
//
// It prints one JSON object: how many goroutines each pattern left behind inside the traced window
// and how many it had left behind before. The last of a window's goroutines has parked before the
// window closes, so a decoder must find these numbers exactly.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

// leaked counts goroutines that nobody will ever wake.
var leaked atomic.Int64

// sender: the receiver gives up before the value is ready, and the channel has no buffer.
func sender(round int) {
	result := make(chan int)
	go func() {
		time.Sleep(time.Duration(round%4) * 100 * time.Microsecond)
		result <- round
	}()
	patience := time.Second
	if round%4 == 3 {
		patience = 0
	}
	if patience == 0 {
		leaked.Add(1)
		return
	}
	select {
	case <-result:
	case <-time.After(patience):
		leaked.Add(1)
	}
}

// detached: every third caller forgets to hand its context on, so its cancel reaches nobody.
func detached(round int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	handed := ctx
	if round%3 == 0 {
		handed = context.Background()
		leaked.Add(1)
	}
	work := make(chan int)
	go func() {
		select {
		case <-handed.Done():
		case <-work:
		}
	}()
	time.Sleep(200 * time.Microsecond)
}

// undone: one of five rounds misses a Done, at a line where all the other waits end.
func undone(round int) {
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		time.Sleep(100 * time.Microsecond)
		group.Done()
	}()
	go func() {
		if round%5 != 0 {
			time.Sleep(150 * time.Microsecond)
			group.Done()
		}
	}()
	if round%5 == 0 {
		leaked.Add(1)
	}
	go func() {
		group.Wait()
	}()
	time.Sleep(400 * time.Microsecond)
}

// kept: an early return keeps a mutex; everyone who comes later waits for ever.
func kept(round int) {
	type ledger struct {
		sync.Mutex
		total int
	}
	book := &ledger{}
	add := func(fail bool) {
		book.Lock()
		if fail {
			return
		}
		book.total++
		book.Unlock()
	}
	add(round%8 == 0)
	if round%8 == 0 {
		leaked.Add(1)
	}
	go func() {
		book.Lock()
		book.total--
		book.Unlock()
	}()
	time.Sleep(150 * time.Microsecond)
}

// unclosed: the producer sends its values and ends; the consumer ranges over a channel nobody closes.
func unclosed(round int) {
	if round%16 != 0 {
		time.Sleep(150 * time.Microsecond)
		return
	}
	values := make(chan int)
	go func() {
		for i := 0; i < 20; i++ {
			values <- i
			time.Sleep(20 * time.Microsecond)
		}
	}()
	leaked.Add(1)
	go func() {
		for range values {
			time.Sleep(10 * time.Microsecond)
		}
	}()
}

// healthy does what the others do, correctly.
func healthy(round int) {
	values := make(chan int)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var lock sync.Mutex
	group.Add(2)
	go func() {
		defer group.Done()
		defer close(values)
		for i := 0; i < 5; i++ {
			select {
			case values <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer group.Done()
		for range values {
			lock.Lock()
			time.Sleep(10 * time.Microsecond)
			lock.Unlock()
		}
	}()
	group.Wait()
	cancel()
}

var patterns = map[string]func(int){
	"sender": sender, "detached": detached, "undone": undone,
	"kept": kept, "unclosed": unclosed, "healthy": healthy,
}

func run(body func(int), rounds int) int64 {
	start := leaked.Load()
	for round := 0; round < rounds; round++ {
		body(round)
	}
	time.Sleep(150 * time.Millisecond)
	return leaked.Load() - start
}

func main() {
	pattern := flag.String("pattern", "sender", "sender, detached, undone, kept, unclosed or healthy")
	before := flag.Int("before", 100, "rounds before the trace starts")
	rounds := flag.Int("rounds", 1500, "rounds inside the trace")
	out := flag.String("trace", "", "file to write the trace to")
	flag.Parse()
	body, ok := patterns[*pattern]
	if !ok || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	file, err := os.Create(*out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	earlier := run(body, *before)
	if err := trace.Start(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	inside := run(body, *rounds)
	trace.Stop()
	if err := file.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"pattern": *pattern, "before": earlier, "inside": inside,
	})
}
