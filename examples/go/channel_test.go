package main

import (
	"encoding/json"
	"io/ioutil"
	"os"
	"reflect"
	"testing"

	options "github.com/manam/manam/gen/go/manam/options/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The cases that the clients of every language share are in the file of POLICY_CASES.
func TestCallsAreMadeAsTheContractSays(t *testing.T) {
	text, err := ioutil.ReadFile(os.Getenv("POLICY_CASES"))
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		DeadlineMs  int64
		RetryPolicy json.RawMessage
		Calls       []struct {
			Call                      string
			RetrySafe, IdempotencyKey bool
		}
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if deadline.Milliseconds() != cases.DeadlineMs {
		t.Errorf("the deadline is %v", deadline)
	}
	own, _ := json.Marshal(retryPolicy)
	var ours, theirs interface{}
	_ = json.Unmarshal(own, &ours)
	_ = json.Unmarshal(cases.RetryPolicy, &theirs)
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("the retry policy is %s", own)
	}
	rules := map[string]*options.Access{}
	eachMethod(func(path string, method protoreflect.MethodDescriptor) { rules[path] = ruleOf(method) })
	for _, each := range cases.Calls {
		rule := rules[each.Call]
		if rule == nil || isRetrySafe(rule) != each.RetrySafe || takesIdempotencyKey(rule) != each.IdempotencyKey {
			t.Errorf("%s: %v", each.Call, rule)
		}
	}
	if len(cases.Calls) == 0 {
		t.Error("there are no cases")
	}
}
