package receive

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

// said is the status of a server's answer to a text, as it comes on a connection.
func said(t *testing.T, s *Server, text string) int {
	t.Helper()
	conn := dial(t, s)
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusContinue {
			return answer.StatusCode
		}
	}
}

// TestRequestsThatProxiesReadInTwoWays: what has no one meaning is refused, and
// nothing but the headers of a request proves it.
func TestRequestsThatProxiesReadInTwoWays(t *testing.T) {
	k := &keeper{}
	c := config.Receiver{Name: "c", Scheme: "catch", Path: "/c", Secrets: secretsOf("s3cret"), Token: config.Token{Header: "X-Proof"}}
	s, _ := serve(t, config.Host{}, newHandler(t, k, noon, c), nil)
	const chunked = "Transfer-Encoding: chunked\n"
	for _, test := range []struct {
		target, headers, body string
		want                  int
	}{
		{"/c", "Content-Length: 2\n", "hi", 200},
		{"/c", "Content-Length: 2\nContent-Length: 2\n", "hi", 200},
		{"/c", "Content-Length: 2\nContent-Length: 3\n", "hi", 400},
		{"/c", "Content-Length: 2, 2\n", "hi", 400},
		{"/c", "Content-Length: +2\n", "hi", 400},
		{"/c", "Transfer-Encoding : chunked\n", "2\nhi\n0\n\n", 400},
		{"/c", "Transfer-Encoding: xchunked\n", "2\nhi\n0\n\n", 501},
		{"/c", "Transfer-Encoding: gzip, chunked\n", "2\nhi\n0\n\n", 501},
		{"/c", chunked + chunked, "2\nhi\n0\n\n", 501},
		{"/c", chunked, "2;a=b;\"c\"\nhi\n0\n\n", 200},
		{"/c", chunked, "2;" + strings.Repeat("a", 20_000) + "\nhi\n0\n\n", 400},
		{"/c", chunked, "0x2\nhi\n0\n\n", 400},
		{"/c", chunked, "2\nhi!\n0\n\n", 400},
		{"/c", "Content-Encoding: gzip\nContent-Length: 2\n", "hi", 415},
		{"/c", "Content-Encoding: identity\nContent-Encoding: identity\nContent-Length: 2\n", "hi", 200},
		{"/c", "Content-Encoding: identity\nContent-Encoding: gzip\nContent-Length: 2\n", "hi", 415},
		{"/c", "Content-Encoding:\nContent-Encoding: br\nContent-Length: 2\n", "hi", 415},
		{"/c", "Expect: 100-continue\nContent-Length: 2\n", "hi", 200},
		{"/c", "Expect: magic\nContent-Length: 2\n", "hi", 417},
		{"/c", "X-Proof: s3cret\nContent-Length: 2\n", "hi", 400},
		{"/c", "X-Proof : s3cret\nContent-Length: 2\n", "hi", 400},
		{"/c", "X-Bad: a\x00b\nContent-Length: 2\n", "hi", 400},
		{"/c", "Host: y\nContent-Length: 2\n", "hi", 400},
		{"http://elsewhere.example/c", "Content-Length: 2\n", "hi", 200},
		{"//c", "Content-Length: 2\n", "hi", 404},
		{"/%63", "Content-Length: 2\n", "hi", 404},
		{"/c/.", "Content-Length: 2\n", "hi", 404},
		{"/c;x", "Content-Length: 2\n", "hi", 404},
		{"c", "Content-Length: 2\n", "hi", 400},
	} {
		before := len(k.kept())
		status := said(t, s, "POST "+test.target+" HTTP/1.1\nHost: x\nConnection: close\nX-Proof: s3cret\n"+test.headers+"\n"+test.body)
		after := k.kept()
		if status != test.want || (len(after) > before) != (status == http.StatusOK) {
			t.Errorf("%s %.100q %.100q: %d, want %d", test.target, test.headers, test.body, status, test.want)
		}
		if status == http.StatusOK && (string(after[before].Raw.Body) != "hi" || after[before].Raw.Headers["Expect"] != "") {
			t.Errorf("%.100q %.100q: %+v", test.headers, test.body, after[before].Raw)
		}
	}
	// A proof behind the body comes when all is done.
	for _, headers := range []string{"", "Trailer: X-Proof\n"} {
		if status := said(t, s, "POST /c HTTP/1.1\nHost: x\nConnection: close\n"+headers+chunked+"\n2\nhi\n0\nX-Proof: s3cret\n\n"); status != http.StatusUnauthorized {
			t.Errorf("a proof in the trailer: %d", status)
		}
	}
}
