// Places, replaces, cancels and reads orders with the official Go SDK. Each line of the standard
// input is a command, each line of the output its result, both as JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/shopspring/decimal"
)

type command struct {
	Do         string
	ID         string
	Symbol     string
	Side       alpaca.Side
	Qty        *decimal.Decimal
	LimitPrice *decimal.Decimal
}

func run(client *alpaca.Client, c command) (any, error) {
	switch c.Do {
	case "place":
		request := alpaca.PlaceOrderRequest{
			Symbol: c.Symbol, Qty: c.Qty, Side: c.Side, Type: alpaca.Market,
			TimeInForce: alpaca.GTC, LimitPrice: c.LimitPrice,
		}
		if c.LimitPrice != nil {
			request.Type = alpaca.Limit
		}
		return client.PlaceOrder(request)
	case "replace":
		return client.ReplaceOrder(c.ID, alpaca.ReplaceOrderRequest{LimitPrice: c.LimitPrice})
	case "cancel":
		return map[string]any{}, client.CancelOrder(c.ID)
	case "read":
		return client.GetOrder(c.ID)
	}
	return nil, fmt.Errorf("unknown command %q", c.Do)
}

func main() {
	client := alpaca.NewClient(alpaca.ClientOpts{
		APIKey: "SIM_KEY", APISecret: "SIM_SECRET", BaseURL: os.Args[1],
	})
	lines := bufio.NewScanner(os.Stdin)
	results := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var c command
		check(json.Unmarshal(lines.Bytes(), &c))
		result, err := run(client, c)
		check(err)
		check(results.Encode(result))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
