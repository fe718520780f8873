// Package catalog shows articles. It has no bug, and much of what looks like one: hundreds of
// goroutines that wait at one place for ever, pools that grow, bursts, slow requests, tickers.
package catalog

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/shop/internal/service"
)

// shop is the catalogue; all its background work ends with its context.
type shop struct {
	base    string
	jobs    chan job
	client  *http.Client
	prices  atomic.Int64
	reviews atomic.Int64
}

// Open makes the service.
func Open(ctx context.Context, base string) service.Service {
	s := &shop{
		base:   base,
		jobs:   make(chan job),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: idlePool}},
	}
	go s.growPool(ctx)
	go s.watchPrices(ctx)
	go s.refresh(ctx, 500*time.Millisecond, &s.prices)
	go s.refresh(ctx, 3*time.Second, &s.reviews)
	go s.keepWarm(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /article", s.article)
	mux.HandleFunc("GET /picture", s.picture)
	mux.HandleFunc("GET /stock", stock)
	mux.HandleFunc("GET /ping", ping)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/article?id=1", "/article?id=2", "/article?id=3", "/picture?id=1"},
	}
}

// article asks the stock service, which it plays itself, over a kept-alive connection.
func (s *shop) article(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.base+"/stock", nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	response, err := s.client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(w, response.Body)
}

// picture has a worker scale a picture, or gives up with its customer.
func (s *shop) picture(w http.ResponseWriter, r *http.Request) {
	scaled := make(chan string, 1)
	select {
	case s.jobs <- job{scaled: scaled}:
	case <-r.Context().Done():
		return
	}
	select {
	case picture := <-scaled:
		fmt.Fprintln(w, picture)
	case <-r.Context().Done():
	}
}

// stock answers quickly most of the time; one request in a hundred takes two seconds.
func stock(w http.ResponseWriter, r *http.Request) {
	delay := 20 * time.Millisecond
	if rand.IntN(100) == 0 {
		delay = 2 * time.Second
	}
	if pause(r.Context(), delay) {
		fmt.Fprintln(w, "in stock")
	}
}

func ping(w http.ResponseWriter, r *http.Request) {
	if pause(r.Context(), pingTime) {
		w.WriteHeader(http.StatusNoContent)
	}
}
