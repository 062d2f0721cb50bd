// Informer keeps client-go's own caches over a Kubernetes API and says on request what is in them. It reads a line from
// standard input and answers with one of JSON: what the stores hold, what the handlers were told, what was logged.
//
//	informer -server http://127.0.0.1:1234 pods.v1. modeldeployments.v1alpha1.serving.clops.dev
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// seen is what the handlers of one resource were told.
type seen struct {
	Adds    int `json:"adds"`
	Updates int `json:"updates"`
	Deletes int `json:"deletes"`
	Resyncs int `json:"resyncs"`
}

type state struct {
	Synced bool                         `json:"synced"`
	Stores map[string]map[string]string `json:"stores"`
	Seen   map[string]seen              `json:"seen"`
	Logged []string                     `json:"logged"`
}

type watcher struct {
	mu     sync.Mutex
	seen   map[string]*seen
	stores map[string]cache.SharedIndexInformer
	log    *lines
}

// lines collects what client-go logs as warnings and errors.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if len(line) > 0 && (line[0] == 'E' || line[0] == 'W') {
			l.all = append(l.all, string(line))
		}
	}
	return len(text), nil
}

func (w *watcher) follow(name string, informer cache.SharedIndexInformer) error {
	counts := &seen{}
	w.seen[name], w.stores[name] = counts, informer
	count := func(add func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		add()
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { count(func() { counts.Adds++ }) },
		UpdateFunc: func(old, new any) {
			same := old.(*unstructured.Unstructured).GetResourceVersion() == new.(*unstructured.Unstructured).GetResourceVersion()
			count(func() {
				if same {
					counts.Resyncs++
				} else {
					counts.Updates++
				}
			})
		},
		DeleteFunc: func(any) { count(func() { counts.Deletes++ }) },
	})
	return err
}

func (w *watcher) state() state {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := state{Synced: true, Stores: map[string]map[string]string{}, Seen: map[string]seen{}, Logged: []string{}}
	for name, informer := range w.stores {
		now.Synced = now.Synced && informer.HasSynced()
		now.Seen[name] = *w.seen[name]
		versions := map[string]string{}
		for _, object := range informer.GetStore().List() {
			item := object.(*unstructured.Unstructured)
			versions[item.GetNamespace()+"/"+item.GetName()] = item.GetResourceVersion()
		}
		now.Stores[name] = versions
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	now.Logged = append(now.Logged, w.log.all...)
	return now
}

func run() error {
	server := flag.String("server", "", "address of the API, without TLS")
	resync := flag.Duration("resync", time.Second, "time between resyncs")
	klog.InitFlags(nil)
	flag.Parse()
	log := &lines{}
	klog.LogToStderr(false)
	klog.SetOutput(log)
	client, err := dynamic.NewForConfig(&rest.Config{Host: *server, UserAgent: "informer/1", QPS: 100, Burst: 100})
	if err != nil {
		return err
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, *resync)
	w := &watcher{seen: map[string]*seen{}, stores: map[string]cache.SharedIndexInformer{}, log: log}
	for _, name := range flag.Args() {
		parts := strings.SplitN(name, ".", 3)
		resource := schema.GroupVersionResource{Resource: parts[0], Version: parts[1], Group: parts[2]}
		if err := w.follow(parts[0], factory.ForResource(resource).Informer()); err != nil {
			return err
		}
	}
	stop := make(chan struct{})
	defer close(stop)
	factory.Start(stop)
	answers := json.NewEncoder(os.Stdout)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		klog.Flush()
		if err := answers.Encode(w.state()); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
