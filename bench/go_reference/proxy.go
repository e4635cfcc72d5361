package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"google.golang.org/grpc"
)

// queued is the number of quotes that may wait for a client; more are dropped.
const queued = 256

type client struct {
	queue chan *quote
}

type proxy struct {
	service    grpc.ServiceDesc
	subscribed atomic.Bool
	sent       atomic.Int64
	frames     atomic.Int64

	mu sync.RWMutex
	// clients by symbol; those of all symbols are under "".
	clients map[string]map[*client]struct{}
}

func newProxy() *proxy {
	p := &proxy{clients: map[string]map[*client]struct{}{}}
	p.service = grpc.ServiceDesc{
		ServiceName: "cream.v1.StreamProxyService",
		Streams: []grpc.StreamDesc{{
			StreamName: "StreamQuotes", Handler: p.streamQuotes, ServerStreams: true,
		}},
	}
	return p
}

func (p *proxy) streamQuotes(_ any, stream grpc.ServerStream) error {
	var request quotesRequest
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	symbols := request.symbols
	if len(symbols) == 0 {
		symbols = []string{""}
	}
	c := &client{queue: make(chan *quote, queued)}
	p.add(c, symbols)
	defer p.remove(c, symbols)
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for {
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case q := <-c.queue:
			if err := stream.SendMsg(q); err != nil {
				return err
			}
			p.sent.Add(1)
		}
	}
}

func (p *proxy) add(c *client, symbols []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, symbol := range symbols {
		if p.clients[symbol] == nil {
			p.clients[symbol] = map[*client]struct{}{}
		}
		p.clients[symbol][c] = struct{}{}
	}
}

func (p *proxy) remove(c *client, symbols []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, symbol := range symbols {
		delete(p.clients[symbol], c)
	}
}

func (p *proxy) publish(q *quote) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, interested := range []map[*client]struct{}{p.clients[q.Symbol], p.clients[""]} {
		for c := range interested {
			select {
			case c.queue <- q:
			default:
			}
		}
	}
}

// follow logs in, subscribes to all quotes and publishes them until the connection ends.
func (p *proxy) follow(url string) {
	ctx := context.Background()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for _, request := range []any{
		map[string]any{"action": "auth", "key": "k", "secret": "s"},
		map[string]any{"action": "subscribe", "quotes": []string{"*"}},
	} {
		if _, _, err := conn.Read(ctx); err != nil {
			log.Fatal(err)
		}
		if err := wsjson.Write(ctx, conn, request); err != nil {
			log.Fatal(err)
		}
	}
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			return // The bench ends its processes in any order.
		}
		p.receive(frame)
	}
}

func (p *proxy) receive(frame []byte) {
	var messages []*quote
	if err := json.Unmarshal(frame, &messages); err != nil {
		log.Fatal(err)
	}
	for _, message := range messages {
		switch message.Type {
		case "q":
			p.publish(message)
		case "subscription":
			p.subscribed.Store(true)
		}
	}
	p.frames.Add(1)
}
