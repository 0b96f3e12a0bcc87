// The choice of a tag around the libraries that image-reflector-controller uses, to measure against:
// Go's regexp, Masterminds semver, strconv and sort. Only what the choice itself takes is here, no
// database and no API machinery.
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

func main() {
	order, argument, extract, list := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	tags := stored(list)
	items, owner := tags, map[string]string(nil)
	if order == "numerical" {
		items, owner = filtered(tags, argument, extract)
	}
	var best string
	switch order {
	case "semver":
		best = byVersion(items, argument)
	case "numerical":
		best = owner[byNumber(items)]
	default:
		best = byBytes(items)
	}
	fmt.Println(best)
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			fmt.Fprintln(os.Stderr, "KiB="+fields[1])
		}
	}
}

func stored(list string) []string {
	file, err := os.Open(list)
	if err != nil {
		panic(err)
	}
	excluded := regexp.MustCompile(`^.*\.sig$`)
	var tags []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if tag := lines.Text(); !excluded.MatchString(tag) {
			tags = append(tags, tag)
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(tags)))
	return tags
}

func filtered(tags []string, pattern, extract string) ([]string, map[string]string) {
	compiled := regexp.MustCompile(pattern)
	owner := map[string]string{}
	for _, tag := range tags {
		if groups := compiled.FindStringSubmatchIndex(tag); len(groups) > 0 {
			item := compiled.ExpandString(nil, extract, tag, groups)
			owner[string(item)] = tag
		}
	}
	items := make([]string, 0, len(owner))
	for item := range owner {
		items = append(items, item)
	}
	return items, owner
}

func byVersion(items []string, text string) string {
	constraint, err := semver.NewConstraint(text)
	if err != nil {
		panic(err)
	}
	var best *semver.Version
	for _, item := range items {
		if strings.Count(item, ".") < 2 {
			continue
		}
		version, err := semver.NewVersion(item)
		if err != nil || !constraint.Check(version) {
			continue
		}
		if best == nil || best.LessThan(version) {
			best = version
		}
	}
	return best.Original()
}

func byNumber(items []string) string {
	var best string
	var greatest float64
	for i, item := range items {
		number, err := strconv.ParseFloat(item, 64)
		if err != nil {
			panic(err)
		}
		if i == 0 || number >= greatest {
			best, greatest = item, number
		}
	}
	return best
}

func byBytes(items []string) string {
	sorted := append([]string(nil), items...)
	sort.Sort(sort.Reverse(sort.StringSlice(sorted)))
	return sorted[0]
}
