// web answers every request on port 8080 with its name: $NAME, or else the pod's. With arguments it ends at once and well:
// a step before a server that has nothing to do.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		return
	}
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, name) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}
