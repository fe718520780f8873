// Package shipping buys parcel labels from a carrier over HTTP.
package shipping

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/shop/internal/service"
)

type office struct {
	carrierURL string
	client     *http.Client
}

// Open makes the service; the carrier is played by the same process.
func Open(_ context.Context, base string) service.Service {
	o := &office{
		carrierURL: base + "/carrier",
		client:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /label", o.label)
	mux.HandleFunc("GET /carrier", carrier)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/label?to=town"},
		Faulty:   "/label?to=summit",
	}
}

func (o *office) label(w http.ResponseWriter, r *http.Request) {
	response, err := o.client.Get(o.carrierURL + "?to=" + r.URL.Query().Get("to"))
	if err != nil {
		http.Error(w, "the carrier cannot be reached", http.StatusBadGateway)
		return
	}
	if response.StatusCode != http.StatusOK {
		// THE LEAK: the body stays open, and with it the connection, the transport's two
		// goroutines on this side and the server's on the other.
		http.Error(w, "the carrier does not deliver there", http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(w, response.Body)
}

func carrier(w http.ResponseWriter, r *http.Request) {
	time.Sleep(15 * time.Millisecond)
	if r.URL.Query().Get("to") == "summit" {
		http.Error(w, "no road leads there", http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintln(w, "label no. 4711")
}
