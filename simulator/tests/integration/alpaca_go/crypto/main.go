// Receives one trade, one quote, one bar and one order book of crypto, and one
// article, with the official Go SDK; prints them as JSON lines.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
)

const kinds = 5

var (
	mutex sync.Mutex
	seen  = map[string]bool{}
	done  = make(chan struct{})
)

func show(kind string, item any) {
	mutex.Lock()
	defer mutex.Unlock()
	if seen[kind] {
		return
	}
	seen[kind] = true
	line, err := json.Marshal(map[string]any{"kind": kind, "item": item})
	check(err)
	fmt.Println(string(line))
	if len(seen) == kinds {
		close(done)
	}
}

func showNews(news stream.News) {
	show("news", map[string]any{
		"id": news.ID, "symbols": news.Symbols, "bytes": len(news.Content), "created_at": news.CreatedAt,
	})
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	base := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	credentials := stream.WithCredentials("SIM_KEY", "SIM_SECRET")
	crypto := stream.NewCryptoClient(marketdata.US, credentials,
		stream.WithBaseURL(base+"/v1beta3/crypto"),
		stream.WithCryptoTrades(func(t stream.CryptoTrade) { show("trade", t) }, "BTC/USD"),
		stream.WithCryptoQuotes(func(q stream.CryptoQuote) { show("quote", q) }, "BTC/USD"),
		stream.WithCryptoBars(func(b stream.CryptoBar) { show("bar", b) }, "*"),
		stream.WithCryptoOrderbooks(func(o stream.CryptoOrderbook) {
			if !o.Reset {
				show("orderbook", o)
			}
		}, "BTC/USD"))
	news := stream.NewNewsClient(credentials,
		stream.WithBaseURL(base+"/v1beta1/news"),
		stream.WithNews(showNews, "F"))
	check(crypto.Connect(ctx))
	check(news.Connect(ctx))
	select {
	case <-done:
	case <-ctx.Done():
		check(ctx.Err())
	}
}
