package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

func (a *app) receiverURLCommand() *cobra.Command {
	var reveal bool
	command := &cobra.Command{
		Use:   "url RECEIVER",
		Short: "What to paste into the sender's settings page",
		Long: `Tell what the sender of a receiver has to be told: the URL, alone on the first line,
then where it goes at the sender, and which secret belongs to it. It is read from the
configuration; the host need not run.

Where a secret is part of the URL, a name in <> stands for it; --reveal shows the
secret itself, for whoever may see it.`,
		Example: "  synchost receivers url crm\n  synchost receivers url crm --reveal | head -n 1",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			sheet, err := a.settings(args[0], reveal)
			if err != nil {
				return err
			}
			if !sheet.Told {
				fmt.Fprintf(a.err, "warning: no address is told, so this is where the host listens, as its own machine sees it. "+
					"The sender must reach it: set public_url under [host], or url under [receivers.%s].\n", args[0])
			}
			return a.show(sheet, func() error { return a.showSettings(&sheet) })
		},
	}
	command.Flags().BoolVar(&reveal, "reveal", false, "show the secret itself")
	return command
}

// settings are what the sender of a receiver is told.
type settings struct {
	Receiver    string   `json:"receiver"`
	URL         string   `json:"url"`
	Told        bool     `json:"public"` // the configuration tells the URL; else it is where the host listens
	Scheme      string   `json:"scheme"`
	Sender      string   `json:"sender"`
	Setup       string   `json:"setup"`
	Handshake   string   `json:"handshake,omitempty"`
	Methods     []string `json:"methods,omitempty"` // none: any
	ContentType string   `json:"content_type,omitempty"`
	Secrets     []kept   `json:"secrets,omitempty"` // more than one while they are being changed
	Place       string   `json:"place,omitempty"`   // where in a request the secret is
	Verify      []kept   `json:"verify_token,omitempty"`
	Contract    string   `json:"contract,omitempty"`
	Untriable   bool     `json:"untriable,omitempty"` // only the sender can sign, so there is no receivers test
}

// kept is where a secret is, and the secret itself if that is asked for.
type kept struct {
	Env    string `json:"env,omitempty"`
	File   string `json:"file,omitempty"`
	Absent bool   `json:"absent,omitempty"` // the host makes the file when it starts
	Secret string `json:"secret,omitempty"`
}

// settings reads what one receiver's sender is told. What is wrong elsewhere in the
// configuration, or with a secret that is not to be shown, does not matter here.
func (a *app) settings(name string, reveal bool) (s settings, err error) {
	cfg, problems := config.Examine(a.file)
	if cfg == nil {
		return s, problems
	}
	at := slices.IndexFunc(cfg.Receivers, func(r config.Receiver) bool { return r.Name == name })
	if at < 0 {
		return s, noSuchReceiver(name, a.file, cfg.Receivers)
	}
	r := &cfg.Receivers[at]
	if wrong := concerned(problems, r, reveal); len(wrong) > 0 {
		return s, wrong
	}
	scheme := config.Schemes[slices.IndexFunc(config.Schemes, func(s config.Scheme) bool { return s.Name == r.Scheme })]
	s = settings{
		Receiver: name, Scheme: r.Scheme, Sender: scheme.Sender, Setup: scheme.Setup, Handshake: scheme.Handshake,
		Contract: scheme.Contract, Place: secretPlace(r),
	}
	s.Methods, s.ContentType, s.Untriable = a.actions.Sends(*r)
	if s.Secrets, err = keptSecrets(r.Kept, r.Secrets, reveal); err != nil {
		return s, err
	}
	if s.Verify, err = keptSecrets(r.VerifyKept, []sdk.Secret{r.VerifyToken}, reveal); err != nil {
		return s, err
	}
	s.URL, s.Told = cfg.Host.Address(*r)
	if len(s.Secrets) > 0 {
		s.URL = strings.Replace(s.URL, "{secret}", s.Secrets[0].inURL(), 1)
	}
	return s, nil
}

// concerned are the problems that what is asked for depends on.
func concerned(all config.Problems, r *config.Receiver, reveal bool) (wrong config.Problems) {
	receiver := "receivers." + r.Name
	fields := []string{"host.public_url", "host.listen", receiver + ".scheme", receiver + ".path", receiver + ".url", receiver + ".token"}
	if reveal || slices.Contains(r.Kept, config.Kept{}) {
		fields = append(fields, receiver+".secret")
	}
	if reveal || slices.Contains(r.VerifyKept, config.Kept{}) {
		fields = append(fields, receiver+".verify_token")
	}
	for _, p := range all {
		if slices.ContainsFunc(fields, config.Problems{p}.Touch) {
			wrong = append(wrong, p)
		}
	}
	return wrong
}

// keptSecrets are secrets as they are told of.
func keptSecrets(where []config.Kept, secrets []sdk.Secret, reveal bool) (all []kept, err error) {
	for i, k := range where {
		one := kept{Env: k.Env, File: k.File, Absent: k.Absent}
		switch {
		case reveal && k.Absent:
			return nil, fmt.Errorf("%s is not there yet: the host makes it when it starts. Start it, then ask again", k.File)
		case reveal:
			one.Secret = secrets[i].Reveal()
		}
		all = append(all, one)
	}
	return all, nil
}

func noSuchReceiver(name, file string, receivers []config.Receiver) error {
	names := make([]string, len(receivers))
	for i, r := range receivers {
		names[i] = r.Name
	}
	if len(names) == 0 {
		return fmt.Errorf("there is no receiver in %s that can be read: see synchost validate", file)
	}
	return fmt.Errorf("there is no receiver %s in %s: there is %s", name, file, strings.Join(names, ", "))
}

// secretPlace says where in a request the secret is, where the configuration says
// so; of other schemes, Setup tells.
func secretPlace(r *config.Receiver) string {
	switch {
	case strings.Contains(r.Path, "{secret}"):
		return "part of the URL"
	case r.Token.Query != "":
		return "part of the URL, as the parameter " + r.Token.Query
	case strings.EqualFold(r.Token.Header, "Authorization"):
		return `in the header Authorization, behind "Bearer "`
	case r.Token.Header != "":
		return "in the header " + r.Token.Header
	case r.Signature.Header != "":
		return "the key of the signature in the header " + r.Signature.Header
	}
	return ""
}

// inURL is a secret, or what stands for it, as a part of a URL.
func (k kept) inURL() string {
	if k.Secret == "" {
		return "<" + k.Env + k.File + ">"
	}
	return strings.ReplaceAll(url.QueryEscape(k.Secret), "+", "%20")
}

// where is where the secret is, or the secret itself.
func (k kept) where() string {
	switch {
	case k.Secret != "":
		return k.Secret
	case k.Absent:
		return "in the file " + k.File + ", which the host makes when it starts for the first time"
	case k.File != "":
		return "in the file " + k.File
	}
	return "in the environment variable " + k.Env
}

func (a *app) showSettings(s *settings) error {
	fmt.Fprintf(a.out, "%s\n\n", s.URL)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(a.out, "%-14s%s\n", name, clean(text))
		}
	}
	line("receiver", s.Receiver+", scheme "+s.Scheme)
	line("sender", s.Sender)
	line("settings", s.Setup)
	methods := "any method"
	if len(s.Methods) > 0 {
		methods = strings.Join(s.Methods, ", ")
	}
	switch {
	case s.ContentType != "" && s.Contract == "": // of the general schemes, whose senders choose
		methods += "; content type such as " + s.ContentType
	case s.ContentType != "":
		methods += "; content type " + s.ContentType
	}
	line("requests", methods)
	for i, k := range s.Secrets {
		if i == 0 {
			line("secret", k.where())
		} else {
			line("or", k.where())
		}
	}
	line("", s.Place)
	if strings.Contains(s.URL, "<") {
		line("", "what stands in <> there is no part of it: put the secret in its place, or see --reveal")
	}
	for _, k := range s.Verify {
		line("verify token", k.where())
	}
	line("handshake", s.Handshake)
	if s.Handshake != "" {
		line("", "so have the host run before you save the URL there")
	}
	line("contract", s.Contract)
	if s.Untriable {
		fmt.Fprintln(a.out, "\nOnly the sender has the key that signs, so synchost receivers test cannot make a request.\n"+
			"When the host runs, have the sender send one, then look at: synchost receivers")
		return nil
	}
	fmt.Fprintf(a.out, "\nWhen the host runs: synchost receivers test %s\n", s.Receiver)
	return nil
}
