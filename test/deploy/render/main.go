// Renders the chart as Helm does, by the same template language and functions: `render CHART VALUES.json`.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(path string, value interface{}) {
	text, err := os.ReadFile(path)
	must(err)
	must(yaml.Unmarshal(text, value))
}

// merge lays values of the second map over those of the first, as `helm --values` does.
func merge(base, over map[string]interface{}) {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		own, hasMap := base[key].(map[string]interface{})
		if isMap && hasMap {
			merge(own, inner)
		} else {
			base[key] = value
		}
	}
}

func main() {
	chart := os.Args[1]
	var about struct {
		Name, Version string
		AppVersion    string `yaml:"appVersion"`
	}
	read(filepath.Join(chart, "Chart.yaml"), &about)
	values := map[string]interface{}{}
	read(filepath.Join(chart, "values.yaml"), &values)
	over := map[string]interface{}{}
	must(json.Unmarshal([]byte(os.Args[2]), &over))
	merge(values, over)

	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return value, errors.New(message)
		}
		return value, nil
	}
	all.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(chart, "templates/*"))
	must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		_, err = all.New(filepath.Base(file)).Parse(string(text))
		must(err)
	}
	data := map[string]interface{}{
		"Values":  values,
		"Chart":   map[string]interface{}{"Name": about.Name, "Version": about.Version, "AppVersion": about.AppVersion},
		"Release": map[string]interface{}{"Name": "id", "Service": "Helm"},
	}
	documents := []interface{}{}
	for _, file := range files {
		if strings.HasSuffix(file, ".tpl") {
			continue
		}
		var text bytes.Buffer
		must(all.ExecuteTemplate(&text, filepath.Base(file), data))
		var document interface{}
		must(yaml.Unmarshal(text.Bytes(), &document))
		if document != nil {
			documents = append(documents, document)
		}
	}
	out, err := json.Marshal(documents)
	must(err)
	fmt.Println(string(out))
}
