// Drives etcd and Redis with the workloads of bench/: one request a line on standard input (a JSON run), one result a
// line on standard output. Only the load is made here; servers are started by bench/cluster/peers.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var run Run
		if err := json.Unmarshal(lines.Bytes(), &run); err != nil {
			answer(map[string]string{"failed": fmt.Sprintf("not a run: %v", err)})
			continue
		}
		result, err := perform(run)
		if err != nil {
			answer(map[string]string{"failed": err.Error()})
			continue
		}
		answer(result)
	}
}

func perform(run Run) (*Result, error) {
	store, err := open(run)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	if run.Load {
		return fill(store, run)
	}
	return measure(store, run)
}

func open(run Run) (Store, error) {
	switch run.System {
	case "etcd":
		return openEtcd(run)
	case "redis":
		return openRedis(run)
	}
	return nil, fmt.Errorf("no driver for %q; there are etcd and redis", run.System)
}

// Store is a system under load. A Caller is used by one goroutine at a time.
type Store interface {
	Caller() (Caller, error)
	Close()
}

// Caller waits for each operation. Put returns when it is as durable as the system was told to make it.
type Caller interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte) error
}

func answer(what any) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", line)
}
