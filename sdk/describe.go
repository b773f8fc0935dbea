package sdk

import (
	"fmt"
	"slices"

	pb "github.com/synchost/synchost/sdk/proto"
)

// Description says what a connector is, before it is configured.
type Description struct {
	Name    string   `json:"name"`    // Plugin.Name
	Version string   `json:"version"` // Plugin.Version
	Options []Option `json:"options"` // in the order of the config struct
}

// Option is one key of a connector's configuration.
type Option struct {
	Path        string   `json:"path"`                  // "auth.token"; in each element of a list "servers[].url", each value of a map "headers.*"
	Type        string   `json:"type"`                  // "string", "int", "float", "bool", "duration", "list", "map" or "table"
	Required    bool     `json:"required,omitempty"`    // within its table, where that may be absent
	Secret      bool     `json:"secret,omitempty"`      // its value comes from a reference, and is masked everywhere
	Default     string   `json:"default,omitempty"`     // as text; empty: none
	Description string   `json:"description,omitempty"` // a line for the operator
	Choices     []string `json:"choices,omitempty"`     // where only these are allowed
}

// Problem is one thing wrong with a configuration.
type Problem struct {
	Path    string // option path as written, such as "servers[2].url"; empty: the configuration as a whole
	Message string // what is wrong and what to write instead
}

// Setup is what a connector is configured with.
type Setup struct {
	Config   []byte // a JSON object; empty: no options
	Instance string // the name of its block in connectors.toml
	StateDir string // see Env
}

// Opened is what a configured connector says of itself.
type Opened struct {
	Capabilities []Capability // the optional interfaces that the connector has
	Fields       []string     // field paths it carries
	Limits       Limits       // with the defaults filled in, within their bounds
}

// Capability is an optional ability of a connector.
type Capability uint8

// The capabilities, each an interface of this package.
const (
	CanCheck     Capability = iota + 1 // Checker
	CanList                            // Lister
	CanFind                            // Finder
	CanNormalize                       // Normalizer
	CanSince                           // SinceLister
	CanWait                            // Waiter
	OnlyReads                          // Reader: it can do less than others
)

// String is the capability's name in messages.
func (c Capability) String() string {
	switch c {
	case CanCheck:
		return "check"
	case CanList:
		return "list"
	case CanFind:
		return "find"
	case CanNormalize:
		return "normalize"
	case CanSince:
		return "list since"
	case CanWait:
		return "wait"
	case OnlyReads:
		return "only read"
	}
	return fmt.Sprintf("capability(%d)", uint8(c))
}

func encodeOption(o *Option) *pb.Option {
	return &pb.Option{
		Path:        valid(o.Path),
		Type:        o.Type,
		Required:    o.Required,
		Secret:      o.Secret,
		Default:     valid(o.Default),
		Description: valid(o.Description),
		Choices:     validAll(o.Choices),
	}
}

func decodeOption(m **pb.Option) Option {
	return Option{
		Path:        (*m).GetPath(),
		Type:        (*m).GetType(),
		Required:    (*m).GetRequired(),
		Secret:      (*m).GetSecret(),
		Default:     (*m).GetDefault(),
		Description: (*m).GetDescription(),
		Choices:     (*m).GetChoices(),
	}
}

func encodeProblem(p *Problem) *pb.Problem {
	return &pb.Problem{Path: valid(p.Path), Message: valid(p.Message)}
}

func decodeProblem(m **pb.Problem) Problem {
	return Problem{Path: (*m).GetPath(), Message: (*m).GetMessage()}
}

func encodeSetup(s Setup, checkOnly bool) *pb.ConfigureRequest {
	return &pb.ConfigureRequest{
		Config:    s.Config,
		Instance:  valid(s.Instance),
		StateDir:  valid(s.StateDir),
		CheckOnly: checkOnly,
	}
}

func decodeOpened(m *pb.ConfigureResponse) Opened {
	opened := Opened{
		Fields: slices.DeleteFunc(m.GetFields(), func(path string) bool { return !carryable(path) }),
		Limits: Limits{
			Batch:    int(m.GetLimits().GetBatch()),
			InFlight: int(m.GetLimits().GetInFlight()),
			Timeout:  m.GetLimits().GetTimeout().AsDuration(),
		}.bounded(),
	}
	for _, can := range m.GetCapabilities() {
		if can > 0 && can <= pb.Capability(OnlyReads) { // a newer one is none that we could use
			opened.Capabilities = append(opened.Capabilities, Capability(can))
		}
	}
	return opened
}
