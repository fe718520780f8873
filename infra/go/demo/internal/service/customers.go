package service

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	patience = 5 * time.Second
	// A burst leaves this many idle connections behind; they stay for the next one. Fewer than
	// a burst opens, so that the first one fills the pool.
	idleConnections = 16
	// More waiting customers than this turn away at the door.
	queueLimit = 100
)

// customers send a service its load: steady requests, bursts, and now and then a faulty one.
type customers struct {
	base   string
	client *http.Client
	queue  chan struct{}
}

func newCustomers(base string) *customers {
	return &customers{
		base: base,
		client: &http.Client{
			Timeout:   patience,
			Transport: &http.Transport{MaxIdleConnsPerHost: idleConnections},
		},
		queue: make(chan struct{}, queueLimit),
	}
}

func (c *customers) start(ctx context.Context, shop Service, o options) {
	if len(shop.Everyday) > 0 {
		anyOf := func() string { return shop.Everyday[rand.IntN(len(shop.Everyday))] }
		go c.arrive(ctx, o.requestRate, anyOf)
		go c.burst(ctx, o.burst, o.burstEvery, anyOf)
	}
	if shop.Faulty != "" {
		go c.arrive(ctx, o.leakRate, func() string { return shop.Faulty })
	}
}

// arrive sends requests at random moments, rate a second on average (a Poisson process).
func (c *customers) arrive(ctx context.Context, rate float64, path func() string) {
	if rate <= 0 {
		return
	}
	for {
		pause := time.Duration(rand.ExpFloat64() / rate * float64(time.Second))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			c.send(ctx, path())
		}
	}
}

func (c *customers) burst(ctx context.Context, size int, every time.Duration, path func() string) {
	if size <= 0 || every <= 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		for range size {
			c.send(ctx, path())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *customers) send(ctx context.Context, path string) {
	select {
	case c.queue <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-c.queue }()
		c.get(ctx, path)
	}()
}

func (c *customers) get(ctx context.Context, path string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		panic(err) // A path in the source is wrong.
	}
	response, err := c.client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
}
