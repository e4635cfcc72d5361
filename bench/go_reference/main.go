// A gRPC fan-out as it is usually written in Go, a portable reference for the bench: it decodes
// each quote from JSON and calls SendMsg once per message and client. It answers the same commands
// as the other processes of the bench.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

var started = time.Now()

func main() {
	p := newProxy()
	if len(os.Args) > 1 {
		serveReady(p, os.Args[1])
	}
	answerCommands(p)
}

// listen opens the gRPC port and returns its number.
func listen(p *proxy) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(quoteCodec{}))
	server.RegisterService(&p.service, nil)
	go server.Serve(listener)
	return listener.Addr().(*net.TCPAddr).Port
}

// serveReady runs without commands: it reports its ports as the proxy does, and is ready once the
// upstream has accepted the subscription.
func serveReady(p *proxy, url string) {
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.subscribed.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	grpcPort, health := listen(p), listener.Addr().(*net.TCPAddr).Port
	fmt.Printf(`{"msg":"Started","ports":{"grpc":%d,"health":%d}}`+"\n", grpcPort, health)
	go p.follow(url)
	log.Fatal(http.Serve(listener, nil))
}

// answerCommands ends with standard input.
func answerCommands(p *proxy) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var call struct {
			ID      int
			Command string
			Args    struct{ URL string }
		}
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			log.Fatal(err)
		}
		reply := map[string]any{"id": call.ID}
		switch call.Command {
		case "start":
			go p.follow(call.Args.URL)
			reply["result"] = map[string]int{"port": listen(p)}
		case "use":
			reply["result"] = use(p)
		case "collect":
			debug.FreeOSMemory()
		default:
			reply["error"] = "no such command: " + call.Command
		}
		line, _ := json.Marshal(reply)
		fmt.Printf("@%s\n", line)
	}
}

// use reports the resources used since the start.
func use(p *proxy) map[string]any {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	sent := p.sent.Load()
	return map[string]any{
		"cpuMicros": (usage.Utime.Nano() + usage.Stime.Nano()) / 1000,
		"rss":       residentBytes(),
		"peakRss":   usage.Maxrss * 1024,
		"heapUsed":  memory.HeapAlloc,
		"external":  0,
		"writes":    sent,
		"written":   sent,
		"frames":    p.frames.Load(),
		"at":        float64(time.Since(started).Microseconds()) / 1000,
	}
}

// residentBytes is 0 where there is no /proc.
func residentBytes() int {
	var size, resident int
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &size, &resident)
	return resident * os.Getpagesize()
}
