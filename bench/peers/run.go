package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Run is one measurement, or the loading of keys before some.
type Run struct {
	System      string   `json:"system"`
	Endpoints   []string `json:"endpoints"`
	Load        bool     `json:"load"`
	Reads       float64  `json:"reads"` // share of reads, 0 to 1
	Zipfian     bool     `json:"zipfian"`
	Keys        int      `json:"keys"`
	ValueBytes  int      `json:"valueBytes"`
	Concurrency int      `json:"concurrency"` // callers; in an open loop: operations at once, at most
	Rate        float64  `json:"rate"`        // operations per second of an open loop; 0: closed loop
	WarmupMs    int      `json:"warmupMs"`
	WindowMs    int      `json:"windowMs"`
	Seed        uint64   `json:"seed"`
	Replicas    int      `json:"replicas"` // Redis: replicas that must have a write, by WAIT
	Clients     int      `json:"clients"`  // etcd: connections; Redis: 0 = one a caller, else shared by all callers
}

// Result is what happened inside the window. Latencies are histograms of microseconds in the HDR V2 format.
type Result struct {
	Operations int64            `json:"operations"`
	Seconds    float64          `json:"seconds"`
	Errors     map[string]int64 `json:"errors"`
	Reads      string           `json:"reads"`
	Writes     string           `json:"writes"`
	Late       string           `json:"late"` // open loop: how late the generator itself was
	CPUSeconds float64          `json:"cpuSeconds"`
}

const deadline = 5 * time.Second

// A failed caller waits so long before it goes on, so that errors are not a fast path.
const afterError = time.Millisecond

func fill(store Store, run Run) (*Result, error) {
	var next atomic.Int64
	values := newValues(run.ValueBytes, run.Seed)
	err := inParallel(store, run.Concurrency, func(_ int, caller Caller) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= run.Keys {
				return nil
			}
			if err := caller.Put(context.Background(), keyOf(i), values.at(i)); err != nil {
				return fmt.Errorf("loading key %d: %w", i, err)
			}
		}
	})
	return &Result{Operations: int64(run.Keys), Errors: map[string]int64{}}, err
}

func measure(store Store, run Run) (*Result, error) {
	began := time.Now()
	window := window{from: began.Add(time.Duration(run.WarmupMs) * time.Millisecond)}
	window.to = window.from.Add(time.Duration(run.WindowMs) * time.Millisecond)
	book := newBook(run.Concurrency)
	arrivals := newArrivals(run, began)
	values := newValues(run.ValueBytes, run.Seed)
	distribution := newDistribution(run)
	var cpuAtStart float64
	timer := time.AfterFunc(time.Until(window.from), func() { cpuAtStart = cpuSeconds() })
	defer timer.Stop()
	err := inParallel(store, run.Concurrency, func(n int, caller Caller) error {
		random := rand.New(rand.NewPCG(run.Seed, uint64(n)))
		for {
			intended, late := arrivals.next()
			if !intended.Before(window.to) {
				return nil
			}
			key := keyOf(distribution.next(random))
			isRead := random.Float64() < run.Reads
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			err := operate(ctx, caller, isRead, key, values, random)
			cancel()
			end := time.Now()
			if window.holds(intended, end, run.Rate > 0) {
				book.note(n, isRead, end.Sub(intended), late, err)
			}
			if err != nil {
				time.Sleep(afterError)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return book.result(window.to.Sub(window.from), cpuSeconds()-cpuAtStart)
}

func operate(ctx context.Context, caller Caller, isRead bool, key string, values *values, random *rand.Rand) error {
	if !isRead {
		return caller.Put(ctx, key, values.at(random.IntN(1<<30)))
	}
	value, err := caller.Get(ctx, key)
	if err == nil && len(value) != values.bytes {
		return fmt.Errorf("read %d bytes instead of %d", len(value), values.bytes)
	}
	return err
}

type window struct{ from, to time.Time }

// In a closed loop an operation counts where it ended, in an open loop where it should have begun: none is left out
// because it was slow.
func (w window) holds(intended, end time.Time, open bool) bool {
	if open {
		end = intended
	}
	return !end.Before(w.from) && end.Before(w.to)
}

// arrivals says when the next operation should begin, and waits until then. In a closed loop that is now.
type arrivals struct {
	rate   float64
	mu     sync.Mutex
	random *rand.Rand
	due    time.Time
}

func newArrivals(run Run, began time.Time) *arrivals {
	return &arrivals{rate: run.Rate, random: rand.New(rand.NewPCG(run.Seed, math.MaxUint64)), due: began}
}

func (a *arrivals) next() (intended time.Time, late time.Duration) {
	if a.rate == 0 {
		return time.Now(), 0
	}
	a.mu.Lock()
	a.due = a.due.Add(time.Duration(a.random.ExpFloat64() / a.rate * float64(time.Second)))
	intended = a.due
	a.mu.Unlock()
	time.Sleep(time.Until(intended))
	return intended, time.Since(intended)
}

// book keeps what happened. Histograms are large, so callers share a few.
type book struct{ pages []*page }

type page struct {
	mu                  sync.Mutex
	reads, writes, late *hdrhistogram.Histogram
	errors              map[string]int64
}

const pagesMax = 8

func newBook(callers int) *book {
	b := &book{}
	for range min(callers, pagesMax) {
		b.pages = append(b.pages, &page{reads: newHistogram(), writes: newHistogram(), late: newHistogram(), errors: map[string]int64{}})
	}
	return b
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

func (b *book) note(caller int, isRead bool, took, late time.Duration, err error) {
	p := b.pages[caller%len(b.pages)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.errors[nameOf(err)]++
		return
	}
	histogram := p.writes
	if isRead {
		histogram = p.reads
	}
	_ = histogram.RecordValue(max(1, took.Microseconds()))
	_ = p.late.RecordValue(max(1, late.Microseconds()))
}

func nameOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "deadline exceeded"
	}
	return err.Error()
}

func (b *book) result(seconds time.Duration, cpu float64) (*Result, error) {
	all := b.pages[0]
	for _, p := range b.pages[1:] {
		all.reads.Merge(p.reads)
		all.writes.Merge(p.writes)
		all.late.Merge(p.late)
		for name, count := range p.errors {
			all.errors[name] += count
		}
	}
	r := &Result{Operations: all.reads.TotalCount() + all.writes.TotalCount(), Seconds: seconds.Seconds(), Errors: all.errors, CPUSeconds: cpu}
	for histogram, into := range map[*hdrhistogram.Histogram]*string{all.reads: &r.Reads, all.writes: &r.Writes, all.late: &r.Late} {
		encoded, err := histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, err
		}
		*into = string(encoded)
	}
	return r, nil
}

// inParallel runs `work` with so many callers and ends with the first error of any.
func inParallel(store Store, callers int, work func(n int, caller Caller) error) error {
	var group sync.WaitGroup
	failed := make(chan error, callers)
	for n := range callers {
		caller, err := store.Caller()
		if err != nil {
			return err
		}
		group.Go(func() {
			if err := work(n, caller); err != nil {
				failed <- err
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
