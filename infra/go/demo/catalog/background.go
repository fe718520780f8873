package catalog

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	smallPool = 4
	fullPool  = 24
	watchers  = 200
	idlePool  = 48
	// Pools are full after about ten seconds and never grow again.
	warmUp = 10 * time.Second
	// Less than the transport's and the server's idle time: kept connections are never closed.
	warmEvery = 20 * time.Second
	pingTime  = 500 * time.Millisecond
)

type job struct {
	scaled chan<- string
}

// growPool starts with few workers and adds one at a time until the pool is full.
func (s *shop) growPool(ctx context.Context) {
	for range smallPool {
		go s.work(ctx)
	}
	for range fullPool - smallPool {
		if !pause(ctx, warmUp/(fullPool-smallPool)) {
			return
		}
		go s.work(ctx)
	}
}

func (s *shop) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.jobs:
			time.Sleep(25 * time.Millisecond)
			j.scaled <- "picture" // Buffered: it never waits for a customer who has left.
		}
	}
}

// watchPrices keeps one goroutine for each supplier, all waiting at one line: many, never more.
func (s *shop) watchPrices(ctx context.Context) {
	for range watchers {
		prices := make(chan int)
		go s.watch(ctx, prices)
		if !pause(ctx, warmUp/watchers) {
			return
		}
	}
}

func (s *shop) watch(ctx context.Context, prices <-chan int) {
	for {
		select {
		case <-ctx.Done():
			return
		case price := <-prices:
			s.prices.Store(int64(price))
		}
	}
}

func (s *shop) refresh(ctx context.Context, every time.Duration, version *atomic.Int64) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			version.Add(1)
		}
	}
}

// keepWarm fills the pool of idle connections at the start and touches each now and then; every
// answer takes so long that each request needs a connection of its own, on a busy machine too.
func (s *shop) keepWarm(ctx context.Context) {
	for {
		var open sync.WaitGroup
		for range idlePool {
			open.Go(func() { s.touch(ctx) })
		}
		open.Wait()
		if !pause(ctx, warmEvery) {
			return
		}
	}
}

func (s *shop) touch(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/ping", nil)
	if err != nil {
		return
	}
	response, err := s.client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
}

// pause reports whether the time has passed, and not the context's end come first.
func pause(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}
