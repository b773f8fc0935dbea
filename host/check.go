package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/launch"
	"github.com/synchost/synchost/host/internal/ops/cli"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/receive"
	"github.com/synchost/synchost/sdk"
)

// validate finds everything that is wrong with a configuration, and starts
// nothing but the connectors, for a moment, to ask them about their options.
func validate(ctx context.Context, file string) (warnings config.Problems, err error) {
	cfg, problems := config.Examine(file)
	if cfg == nil {
		return nil, problems
	}
	_, wrong := compile(cfg)
	_, unusable := receive.New(cfg.Receivers, receive.Options{MaxBody: cfg.Host.MaxBody})
	asked := askConnectors(ctx, cfg, hclog.NewNullLogger())
	warnings = append(cfg.Warnings, asked.warnings...)
	warnings.Sort()
	found := slices.Concat(wrong, unusable, asked.problems, asked.silent)
	if problems = problems.And(found); len(problems) > 0 {
		problems.Sort()
		return warnings, problems
	}
	return warnings, nil
}

// compile makes each connector's policy of its filter, mapping and fields, in
// the order of cfg.Connectors.
func compile(cfg *config.Config) ([]plan.Policy, config.Problems) {
	var problems config.Problems
	policies := make([]plan.Policy, len(cfg.Connectors))
	for i, c := range cfg.Connectors {
		filter, err := plan.CompileFilter(c.Filter)
		if err != nil {
			problems = append(problems, c.Place.Problem("filter", err.Error()))
		}
		mapping, wrong := plan.CompileMapping(c.Map)
		for _, p := range wrong {
			problems = append(problems, c.Place.Problem("map."+p.Field, p.Message))
		}
		policies[i] = plan.Policy{Filter: filter, Mapping: mapping, Own: owned(c.Own), OnDelete: plan.OnDelete(c.OnDelete)}
	}
	return policies, problems
}

// owned says who owns which field by rules; nil: everything is the source's.
func owned(rules []config.OwnRule) plan.Ownership {
	if rules == nil {
		return plan.Ownership{}
	}
	modes := make(map[string]plan.Mode, len(rules))
	for _, rule := range rules {
		modes[rule.Path] = plan.Mode(rule.Mode)
	}
	return plan.NewOwnership(modes)
}

// askWithin is how long connectors have to say what they think of their options.
const askWithin = 10 * time.Second

// answers are what connectors say of the configuration.
type answers struct {
	problems config.Problems
	warnings config.Problems
	silent   config.Problems // of those that could not be asked
}

// askConnectors asks each connector that can be started, all at once, what it
// thinks of its options, and whether it is able to do what else is asked of it.
// Those that could not be asked, since they do not start or do not answer, are
// told apart: that need not be the configuration's fault.
func askConnectors(ctx context.Context, cfg *config.Config, log hclog.Logger) (all answers) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if _, err := os.Stat(cfg.Host.DataDir); errors.Is(err, fs.ErrNotExist) {
		defer removeEmpty(cfg)
	}
	found := make([]config.Problems, len(cfg.Connectors))
	able := make([]sdk.Opened, len(cfg.Connectors))
	failed := make([]error, len(cfg.Connectors))
	var wait sync.WaitGroup
	for i, c := range cfg.Connectors {
		if c.Binary == "" {
			continue
		}
		wait.Go(func() {
			s := spec(cfg, c)
			err := launch.Probe(ctx, s, log, func(client *sdk.Client) error {
				description, err := client.Describe(ctx)
				if err != nil {
					return err
				}
				opened, problems, err := client.Validate(ctx, s.Setup())
				able[i] = opened
				found[i] = append(c.CheckSecrets(description.Options), c.Problems(problems)...)
				return err
			})
			var problems config.Problems
			switch {
			case errors.As(err, &problems):
				found[i] = append(found[i], problems...)
			case err != nil:
				failed[i] = err
			}
		})
	}
	wait.Wait()
	for i, c := range cfg.Connectors {
		all.problems = append(all.problems, found[i]...)
		if failed[i] != nil {
			all.silent = append(all.silent, c.Place.Problem("plugin", "the connector could not be asked about its options: "+failed[i].Error()))
		}
		if c.Enabled {
			unable, uneasy := ability{c, able[i]}.check(cfg.Receivers)
			all.problems, all.warnings = append(all.problems, unable...), append(all.warnings, uneasy...)
		}
	}
	return all
}

// removeEmpty removes the folders that were made for asking, where nothing has
// been put into them.
func removeEmpty(cfg *config.Config) {
	var dirs []string
	for _, c := range cfg.Connectors {
		dirs = append(dirs, spec(cfg, c).StateDir)
	}
	for _, dir := range append(dirs, statesDir(cfg), runDir(cfg), cfg.Host.DataDir) {
		_ = os.Remove(dir)
	}
}

// check tries connectors' credentials and whether their platforms can be
// reached, each with a process of its own; no names: every enabled connector's.
func check(ctx context.Context, file string, names []string) ([]cli.Checked, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	var chosen []config.Connector
	for _, c := range cfg.Connectors {
		if c.Enabled && (len(names) == 0 || slices.Contains(names, c.Name)) {
			chosen = append(chosen, c)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(chosen, func(c config.Connector) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no enabled connector %s in %s", name, file)
		}
	}
	checked := make([]cli.Checked, len(chosen))
	var wait sync.WaitGroup
	for i, c := range chosen {
		wait.Go(func() {
			start := time.Now()
			err := checkOne(ctx, cfg, c)
			checked[i] = cli.Checked{Connector: c.Name, Took: time.Since(start), Err: err}
		})
	}
	wait.Wait()
	return checked, nil
}

func checkOne(ctx context.Context, cfg *config.Config, c config.Connector) error {
	s := spec(cfg, c)
	return launch.Probe(ctx, s, hclog.NewNullLogger(), func(client *sdk.Client) error {
		_, problems, err := client.Configure(ctx, s.Setup())
		switch {
		case err != nil:
			return err
		case len(problems) > 0:
			return config.Problems(c.Problems(problems))
		}
		return client.Check(ctx)
	})
}
