// Streams with the official Go SDK, as commands on the standard input say, one JSON object a line.
// Prints what it receives the same way.
//
// Arguments: base URL of the streams, key id, secret, kinds of streams. Without a base URL the SDK
// reads DATA_PROXY_WS.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
)

type command struct {
	Do      string   `json:"do"`
	Kind    string   `json:"kind"`
	Channel string   `json:"channel"`
	Symbols []string `json:"symbols"`
}

var (
	mutex  sync.Mutex
	output = bufio.NewWriter(os.Stdout)
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show[T any](channel string) func(T) {
	return func(item T) {
		line, err := json.Marshal(map[string]any{"channel": channel, "item": item})
		check(err)
		mutex.Lock()
		defer mutex.Unlock()
		_, err = fmt.Fprintf(output, "%s\n", line)
		check(err)
		check(output.Flush())
	}
}

func changeStocks(client *stream.StocksClient, c command) error {
	isNew := c.Do == "subscribe"
	name := "stocks " + c.Channel
	switch c.Channel {
	case "trades":
		if isNew {
			return client.SubscribeToTrades(show[stream.Trade](name), c.Symbols...)
		}
		return client.UnsubscribeFromTrades(c.Symbols...)
	case "quotes":
		if isNew {
			return client.SubscribeToQuotes(show[stream.Quote](name), c.Symbols...)
		}
		return client.UnsubscribeFromQuotes(c.Symbols...)
	case "bars":
		if isNew {
			return client.SubscribeToBars(show[stream.Bar](name), c.Symbols...)
		}
		return client.UnsubscribeFromBars(c.Symbols...)
	case "updatedBars":
		if isNew {
			return client.SubscribeToUpdatedBars(show[stream.Bar](name), c.Symbols...)
		}
		return client.UnsubscribeFromUpdatedBars(c.Symbols...)
	case "dailyBars":
		if isNew {
			return client.SubscribeToDailyBars(show[stream.Bar](name), c.Symbols...)
		}
		return client.UnsubscribeFromDailyBars(c.Symbols...)
	case "statuses":
		if isNew {
			return client.SubscribeToStatuses(show[stream.TradingStatus](name), c.Symbols...)
		}
		return client.UnsubscribeFromStatuses(c.Symbols...)
	case "imbalances":
		if isNew {
			return client.SubscribeToImbalances(show[stream.Imbalance](name), c.Symbols...)
		}
		return client.UnsubscribeFromImbalances(c.Symbols...)
	case "lulds":
		if isNew {
			return client.SubscribeToLULDs(show[stream.LULD](name), c.Symbols...)
		}
		return client.UnsubscribeFromLULDs(c.Symbols...)
	}
	return fmt.Errorf("unknown channel %s", c.Channel)
}

func changeOptions(client *stream.OptionClient, c command) error {
	isNew := c.Do == "subscribe"
	name := "options " + c.Channel
	switch c.Channel {
	case "trades":
		if isNew {
			return client.SubscribeToTrades(show[stream.OptionTrade](name), c.Symbols...)
		}
		return client.UnsubscribeFromTrades(c.Symbols...)
	case "quotes":
		if isNew {
			return client.SubscribeToQuotes(show[stream.OptionQuote](name), c.Symbols...)
		}
		return client.UnsubscribeFromQuotes(c.Symbols...)
	}
	return fmt.Errorf("unknown channel %s", c.Channel)
}

func changeCrypto(client *stream.CryptoClient, c command) error {
	isNew := c.Do == "subscribe"
	name := "crypto " + c.Channel
	switch c.Channel {
	case "trades":
		if isNew {
			return client.SubscribeToTrades(show[stream.CryptoTrade](name), c.Symbols...)
		}
		return client.UnsubscribeFromTrades(c.Symbols...)
	case "quotes":
		if isNew {
			return client.SubscribeToQuotes(show[stream.CryptoQuote](name), c.Symbols...)
		}
		return client.UnsubscribeFromQuotes(c.Symbols...)
	case "bars":
		if isNew {
			return client.SubscribeToBars(show[stream.CryptoBar](name), c.Symbols...)
		}
		return client.UnsubscribeFromBars(c.Symbols...)
	case "updatedBars":
		if isNew {
			return client.SubscribeToUpdatedBars(show[stream.CryptoBar](name), c.Symbols...)
		}
		return client.UnsubscribeFromUpdatedBars(c.Symbols...)
	case "dailyBars":
		if isNew {
			return client.SubscribeToDailyBars(show[stream.CryptoBar](name), c.Symbols...)
		}
		return client.UnsubscribeFromDailyBars(c.Symbols...)
	case "orderbooks":
		if isNew {
			return client.SubscribeToOrderbooks(show[stream.CryptoOrderbook](name), c.Symbols...)
		}
		return client.UnsubscribeFromOrderbooks(c.Symbols...)
	}
	return fmt.Errorf("unknown channel %s", c.Channel)
}

func changeNews(client *stream.NewsClient, c command) error {
	if c.Do == "subscribe" {
		return client.SubscribeToNews(show[stream.News]("news news"), c.Symbols...)
	}
	return client.UnsubscribeFromNews(c.Symbols...)
}

func main() {
	base, key, secret, kinds := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	stockSettings := []stream.StockOption{
		stream.WithCredentials(key, secret),
		stream.WithCorrections(show[stream.TradeCorrection]("stocks corrections")),
		stream.WithCancelErrors(show[stream.TradeCancelError]("stocks cancelErrors")),
	}
	optionSettings := []stream.OptionOption{stream.WithCredentials(key, secret)}
	cryptoSettings := []stream.CryptoOption{stream.WithCredentials(key, secret)}
	// The SDK drops what its buffer of 100 frames of news has no room for.
	newsSettings := []stream.NewsOption{
		stream.WithCredentials(key, secret),
		stream.WithBufferSize(100_000),
	}
	if base != "" {
		cryptoSettings = append(cryptoSettings, stream.WithBaseURL(base+"/v1beta3/crypto"))
		newsSettings = append(newsSettings, stream.WithBaseURL(base+"/v1beta1/news"))
		stockSettings = append(stockSettings, stream.WithBaseURL(base+"/v2"))
		optionSettings = append(optionSettings, stream.WithBaseURL(base+"/v1beta1"))
	}
	stocks := stream.NewStocksClient(marketdata.SIP, stockSettings...)
	options := stream.NewOptionClient(marketdata.OPRA, optionSettings...)
	crypto := stream.NewCryptoClient(marketdata.US, cryptoSettings...)
	news := stream.NewNewsClient(newsSettings...)
	isConnected := false
	var waiting []command
	change := func(c command) {
		switch c.Kind {
		case "stocks":
			check(changeStocks(stocks, c))
		case "options":
			check(changeOptions(options, c))
		case "crypto":
			check(changeCrypto(crypto, c))
		default:
			check(changeNews(news, c))
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c command
		check(json.Unmarshal(lines.Bytes(), &c))
		if c.Do != "connect" {
			if isConnected {
				change(c)
			} else {
				waiting = append(waiting, c)
			}
			continue
		}
		if strings.Contains(kinds, "stocks") {
			check(stocks.Connect(context.Background()))
		}
		if strings.Contains(kinds, "options") {
			check(options.Connect(context.Background()))
		}
		if strings.Contains(kinds, "crypto") {
			check(crypto.Connect(context.Background()))
		}
		if strings.Contains(kinds, "news") {
			check(news.Connect(context.Background()))
		}
		isConnected = true
		for _, c := range waiting {
			change(c)
		}
	}
	check(lines.Err())
}
