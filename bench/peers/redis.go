package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// redisStore talks RESP with the primary. A caller has a connection of its own, or shares one of a few: then what all
// callers of a connection want at one time leaves in one write, as clients with automatic pipelining do.
type redisStore struct {
	address  string
	replicas int
	shared   []*pipe
	turn     atomic.Int64
	mu       sync.Mutex
	opened   []net.Conn
}

func openRedis(run Run) (Store, error) {
	if len(run.Endpoints) == 0 {
		return nil, errors.New("no endpoint: the first one is the primary")
	}
	store := &redisStore{address: run.Endpoints[0], replicas: run.Replicas}
	for range run.Clients {
		conn, err := store.dial()
		if err != nil {
			return nil, err
		}
		store.shared = append(store.shared, newPipe(conn))
	}
	return store, nil
}

func (s *redisStore) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.opened = append(s.opened, conn)
	s.mu.Unlock()
	return conn, nil
}

func (s *redisStore) Caller() (Caller, error) {
	if len(s.shared) > 0 {
		turn := s.turn.Add(1)
		return &sharedCaller{pipe: s.shared[int(turn)%len(s.shared)], done: make(chan reply, 1)}, nil
	}
	conn, err := s.dial()
	if err != nil {
		return nil, err
	}
	return &ownCaller{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), replicas: s.replicas}, nil
}

func (s *redisStore) Close() {
	for _, conn := range s.opened {
		_ = conn.Close()
	}
}

// ownCaller has its connection for itself.
type ownCaller struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte
	replicas int
}

func (c *ownCaller) Get(_ context.Context, key string) ([]byte, error) {
	c.out = appendCommand(c.out[:0], "GET", []byte(key))
	if err := c.send(); err != nil {
		return nil, err
	}
	return readReply(c.in)
}

// Put sends SET and WAIT in one write: when both are answered, so many replicas have the value (and, with appendfsync
// always, the primary has it on disk).
func (c *ownCaller) Put(_ context.Context, key string, value []byte) error {
	c.out = appendCommand(c.out[:0], "SET", []byte(key), value)
	if c.replicas > 0 {
		c.out = appendCommand(c.out, "WAIT", strconv.AppendInt(nil, int64(c.replicas), 10), []byte("0"))
	}
	if err := c.send(); err != nil {
		return err
	}
	if _, err := readReply(c.in); err != nil {
		return err
	}
	if c.replicas == 0 {
		return nil
	}
	have, err := readReply(c.in)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(string(have)); err != nil || n < c.replicas {
		return fmt.Errorf("%s of %d replicas have the write", have, c.replicas)
	}
	return nil
}

func (c *ownCaller) send() error {
	if err := c.conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		return err
	}
	_, err := c.conn.Write(c.out)
	return err
}

// pipe is a connection that callers share.
type pipe struct {
	asks    chan ask
	waiting chan chan reply
}

type ask struct {
	command []byte
	done    chan reply
}

type reply struct {
	value []byte
	err   error
}

const pipeDepth = 1024

func newPipe(conn net.Conn) *pipe {
	p := &pipe{asks: make(chan ask, pipeDepth), waiting: make(chan chan reply, 2*pipeDepth)}
	go p.write(bufio.NewWriterSize(conn, 64<<10))
	go p.read(bufio.NewReaderSize(conn, 64<<10))
	return p
}

func (p *pipe) write(out *bufio.Writer) {
	for one := range p.asks {
		p.waiting <- one.done
		if _, err := out.Write(one.command); err != nil {
			return
		}
		if len(p.asks) == 0 && out.Flush() != nil {
			return
		}
	}
}

func (p *pipe) read(in *bufio.Reader) {
	for done := range p.waiting {
		value, err := readReply(in)
		done <- reply{value, err}
	}
}

type sharedCaller struct {
	pipe *pipe
	out  []byte
	done chan reply
}

func (c *sharedCaller) Get(_ context.Context, key string) ([]byte, error) {
	c.out = appendCommand(c.out[:0], "GET", []byte(key))
	c.pipe.asks <- ask{c.out, c.done}
	got := <-c.done
	return got.value, got.err
}

// WAIT holds up everything behind it on its connection, so writes that are to be replicated can't share one.
func (c *sharedCaller) Put(context.Context, string, []byte) error {
	return errors.New("writes need a connection for each caller: WAIT blocks a shared one")
}

func appendCommand(to []byte, name string, args ...[]byte) []byte {
	to = appendHeader(to, '*', len(args)+1)
	to = appendBulk(to, []byte(name))
	for _, arg := range args {
		to = appendBulk(to, arg)
	}
	return to
}

func appendBulk(to, bytes []byte) []byte {
	to = appendHeader(to, '$', len(bytes))
	to = append(to, bytes...)
	return append(to, '\r', '\n')
}

func appendHeader(to []byte, kind byte, n int) []byte {
	to = append(to, kind)
	to = strconv.AppendInt(to, int64(n), 10)
	return append(to, '\r', '\n')
}

// readReply reads a simple string, an integer or a bulk string; nil for an absent value.
func readReply(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, fmt.Errorf("unexpected reply %q", line)
	}
	rest := line[1 : len(line)-2]
	switch line[0] {
	case '+', ':':
		return append([]byte(nil), rest...), nil
	case '-':
		return nil, errors.New(string(rest))
	case '$':
		return readBulk(in, rest)
	}
	return nil, fmt.Errorf("unexpected reply %q", line)
}

func readBulk(in *bufio.Reader, length []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(length))
	if err != nil || n < 0 {
		return nil, err
	}
	value := make([]byte, n+2)
	if _, err := io.ReadFull(in, value); err != nil {
		return nil, err
	}
	return value[:n], nil
}
