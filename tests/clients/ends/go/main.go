// Opens streams and prints the status code that each ends with.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	count, _ := strconv.Atoi(os.Args[2])
	desc := &grpc.StreamDesc{ServerStreams: true}
	method := "/cream.v1.StreamProxyService/StreamQuotes"
	var group sync.WaitGroup
	for range count {
		stream, err := conn.NewStream(context.Background(), desc, method)
		if err != nil {
			log.Fatal(err)
		}
		if err := stream.SendMsg(&emptypb.Empty{}); err != nil {
			log.Fatal(err)
		}
		stream.CloseSend()
		if _, err := stream.Header(); err != nil {
			log.Fatal(err)
		}
		group.Go(func() {
			var err error
			for err == nil {
				err = stream.RecvMsg(&emptypb.Empty{})
			}
			fmt.Println(status.Code(err), err)
		})
	}
	fmt.Println("open")
	group.Wait()
}
