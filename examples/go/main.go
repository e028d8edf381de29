// Registers a user, signs them in, verifies their token without a call, and follows the events of the tenant.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	manam "github.com/manam/manam/gen/go/manam/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	jose "gopkg.in/square/go-jose.v2"
	"gopkg.in/square/go-jose.v2/jwt"
)

const password = "quiet-orbit-lantern-47"

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// reasonOf is the reason of a failed call, such as CREDENTIALS_INVALID (docs/api/errors.md).
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			return info.Reason
		}
	}
	return status.Code(err).String()
}

func read(address string, value interface{}) {
	answer, err := http.Get(address)
	must(err)
	defer answer.Body.Close()
	must(json.NewDecoder(answer.Body).Decode(value))
}

// confirmationOf is the code of the mail that a development server has captured.
func confirmationOf(server, email string) string {
	var messages []struct{ Code string }
	read(server+"/dev/messages?to="+url.QueryEscape(email), &messages)
	return messages[0].Code
}

// subjectOf verifies an access token with the public keys (RFC 9068) and returns its user.
func subjectOf(server, tenant, token string) string {
	var keys jose.JSONWebKeySet
	read(server+"/.well-known/jwks.json", &keys)
	parsed, err := jwt.ParseSigned(token)
	must(err)
	if header := parsed.Headers[0]; header.Algorithm != "EdDSA" || header.ExtraHeaders["typ"] != "at+jwt" {
		log.Fatal("not an access token")
	}
	var claims jwt.Claims
	must(parsed.Claims(&keys, &claims))
	must(claims.Validate(jwt.Expected{Audience: jwt.Audience{tenant}, Time: time.Now()}))
	return claims.Subject
}

func main() {
	server, tenant := os.Getenv("MANAM_URL"), os.Getenv("MANAM_TENANT")
	channel, err := open(server, os.Getenv("MANAM_KEY"))
	must(err)
	defer channel.Close()
	ctx := context.Background()
	auth := manam.NewAuthServiceClient(channel)

	email := fmt.Sprintf("leila.%d@example.com", time.Now().UnixNano())
	_, err = auth.Register(ctx, &manam.RegisterRequest{Email: email, Password: password})
	must(err)
	login := &manam.LoginRequest{Email: email, Password: password}
	_, err = auth.Login(ctx, login)
	fmt.Println("before she has confirmed:", reasonOf(err))
	_, err = auth.ConfirmEmail(ctx, &manam.ConfirmEmailRequest{Cnf: confirmationOf(server, email)})
	must(err)
	answer, err := auth.Login(ctx, login)
	must(err)
	token := answer.Tokens.AccessToken
	fmt.Println("the token is that of the user:", subjectOf(server, tenant, token) == answer.UserId)

	profile := manam.NewProfileServiceClient(channel)
	session := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	viewed, err := profile.ViewUser(session, &manam.ViewUserRequest{})
	must(err)
	fmt.Println("signed in:", viewed.User.Email == email)

	trusted, err := open(server, os.Getenv("MANAM_SECRET_KEY"))
	must(err)
	defer trusted.Close()
	wanted := &manam.WatchEventsRequest{Types: []string{"session.started"}, FromStart: true}
	events, err := manam.NewEventServiceClient(trusted).WatchEvents(ctx, wanted)
	must(err)
	for {
		message, err := events.Recv()
		must(err)
		if message.Event.GetUserId() == answer.UserId {
			fmt.Println("event:", message.Event.Type)
			return
		}
	}
}
