package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	options "github.com/manam/manam/gen/go/manam/options/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The deadline of a call that has none of its own.
const deadline = 10 * time.Second

var retryPolicy = map[string]interface{}{
	"maxAttempts":          4,
	"initialBackoff":       "0.1s",
	"maxBackoff":           "2s",
	"backoffMultiplier":    2,
	"retryableStatusCodes": []string{"UNAVAILABLE"},
}

// ruleOf reads what the contract says of a call (manam/options/v1/access.proto), so that nothing here
// has to be kept in step with the service.
func ruleOf(method protoreflect.MethodDescriptor) *options.Access {
	rule, _ := proto.GetExtension(method.Options(), options.E_Access).(*options.Access)
	return rule
}

// eachMethod calls visit with every method of the contract that the program has imported, by its path.
func eachMethod(visit func(path string, method protoreflect.MethodDescriptor)) {
	protoregistry.GlobalFiles.RangeFilesByPackage("manam.v1", func(file protoreflect.FileDescriptor) bool {
		for i := 0; i < file.Services().Len(); i++ {
			methods := file.Services().Get(i).Methods()
			for j := 0; j < methods.Len(); j++ {
				method := methods.Get(j)
				visit(fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), method)
			}
		}
		return true
	})
}

// takesIdempotencyKey tells whether a call is repeated safely by a key that names it.
func takesIdempotencyKey(rule *options.Access) bool { return rule.GetIdempotencyKey() }

// isRetrySafe tells whether a call may be sent again when its answer was lost.
func isRetrySafe(rule *options.Access) bool {
	return rule.GetRetrySafe() || rule.GetIdempotencyKey()
}

// serviceConfig is gRPC's own words for what is tried again, and how (gRFC A6).
func serviceConfig() string {
	names := []map[string]string{}
	eachMethod(func(_ string, method protoreflect.MethodDescriptor) {
		if isRetrySafe(ruleOf(method)) {
			names = append(names, map[string]string{
				"service": string(method.Parent().FullName()),
				"method":  string(method.Name()),
			})
		}
	})
	config, _ := json.Marshal(map[string]interface{}{
		"methodConfig": []interface{}{map[string]interface{}{"name": names, "retryPolicy": retryPolicy}},
		// Where most calls fail, trying again makes it worse.
		"retryThrottling": map[string]interface{}{"maxTokens": 10, "tokenRatio": 0.1},
	})
	return string(config)
}

// open opens a channel to a service, such as https://id.example.com, with a key of a tenant. Its calls carry the
// key, an idempotency key that all attempts of a call share, and a deadline.
func open(address, key string) (*grpc.ClientConn, error) {
	parts, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	rules := map[string]*options.Access{}
	eachMethod(func(path string, method protoreflect.MethodDescriptor) { rules[path] = ruleOf(method) })

	unary := func(ctx context.Context, path string, request, answer interface{}, connection *grpc.ClientConn,
		invoke grpc.UnaryInvoker, more ...grpc.CallOption) error {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-api-key", key)
		if takesIdempotencyKey(rules[path]) {
			id := make([]byte, 16)
			if _, err := rand.Read(id); err != nil {
				return err
			}
			ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", fmt.Sprintf("%x", id))
		}
		if _, has := ctx.Deadline(); !has {
			limited, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			ctx = limited
		}
		return invoke(ctx, path, request, answer, connection, more...)
	}
	// A stream stays open: the deadline of calls is none of its.
	stream := func(ctx context.Context, description *grpc.StreamDesc, connection *grpc.ClientConn, path string,
		begin grpc.Streamer, more ...grpc.CallOption) (grpc.ClientStream, error) {
		return begin(metadata.AppendToOutgoingContext(ctx, "x-api-key", key), description, connection, path, more...)
	}

	security, port := grpc.WithInsecure(), "80"
	if parts.Scheme == "https" {
		security, port = grpc.WithTransportCredentials(credentials.NewTLS(nil)), "443"
	}
	if parts.Port() != "" {
		port = parts.Port()
	}
	return grpc.Dial(parts.Hostname()+":"+port, security,
		grpc.WithDefaultServiceConfig(serviceConfig()),
		grpc.WithUnaryInterceptor(unary), grpc.WithStreamInterceptor(stream))
}
