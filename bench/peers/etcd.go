package main

import (
	"context"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdStore spreads callers over a few clients, each of which spreads requests over all members. Reads are linearizable.
type etcdStore struct {
	clients []*clientv3.Client
	turn    atomic.Int64
}

func openEtcd(run Run) (Store, error) {
	store := &etcdStore{}
	for range max(1, run.Clients) {
		client, err := clientv3.New(clientv3.Config{Endpoints: run.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			store.Close()
			return nil, err
		}
		store.clients = append(store.clients, client)
	}
	return store, nil
}

func (s *etcdStore) Caller() (Caller, error) {
	turn := s.turn.Add(1)
	return etcdCaller{s.clients[int(turn)%len(s.clients)]}, nil
}

func (s *etcdStore) Close() {
	for _, client := range s.clients {
		_ = client.Close()
	}
}

type etcdCaller struct{ client *clientv3.Client }

func (c etcdCaller) Get(ctx context.Context, key string) ([]byte, error) {
	reply, err := c.client.Get(ctx, key)
	if err != nil || len(reply.Kvs) == 0 {
		return nil, err
	}
	return reply.Kvs[0].Value, nil
}

func (c etcdCaller) Put(ctx context.Context, key string, value []byte) error {
	_, err := c.client.Put(ctx, key, string(value))
	return err
}
