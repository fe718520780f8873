// Package search finds articles; a page shows the first few matches.
package search

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/shop/internal/service"
)

const pageSize = 10

// Open makes the service.
func Open(context.Context, string) service.Service {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search", page)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/search?q=kettle", "/search?q=teapot"},
		Faulty:   "/search?q=gift",
	}
}

func page(w http.ResponseWriter, r *http.Request) {
	// THE LEAK: the request's context would end the scan when the page is full; this copy of
	// it, made to keep its values, can no longer be cancelled by anyone.
	ctx := context.WithoutCancel(r.Context())
	shown := 0
	for article := range matches(ctx, r.URL.Query().Get("q")) {
		fmt.Fprintln(w, article)
		if shown++; shown == pageSize {
			return
		}
	}
}

func matches(ctx context.Context, query string) <-chan string {
	found := make(chan string)
	go scan(ctx, query, found)
	return found
}

func scan(ctx context.Context, query string, found chan<- string) {
	defer close(found)
	time.Sleep(15 * time.Millisecond) // The index is on a disk.
	for number := range stocked(query) {
		select {
		case found <- fmt.Sprintf("%s no. %d", query, number):
		case <-ctx.Done():
			return
		}
	}
}

func stocked(query string) int {
	if query == "gift" {
		return 3 * pageSize
	}
	return pageSize / 2
}
