// Receives one trade, one quote and one bar of stocks, and one trade and one
// quote of options, with the official Go SDK; prints them as JSON lines.
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

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	base, optionSymbol := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	credentials := stream.WithCredentials("SIM_KEY", "SIM_SECRET")
	stocks := stream.NewStocksClient(marketdata.SIP, credentials,
		stream.WithBaseURL(base+"/v2"),
		stream.WithTrades(func(t stream.Trade) { show("stock trade", t) }, "AAPL"),
		stream.WithQuotes(func(q stream.Quote) { show("stock quote", q) }, "*"),
		stream.WithBars(func(b stream.Bar) { show("stock bar", b) }, "AAPL"))
	options := stream.NewOptionClient(marketdata.OPRA, credentials,
		stream.WithBaseURL(base+"/v1beta1"),
		stream.WithOptionTrades(func(t stream.OptionTrade) { show("option trade", t) }, optionSymbol),
		stream.WithOptionQuotes(func(q stream.OptionQuote) { show("option quote", q) }, optionSymbol))
	check(stocks.Connect(ctx))
	check(options.Connect(ctx))
	select {
	case <-done:
	case <-ctx.Done():
		check(ctx.Err())
	}
}
