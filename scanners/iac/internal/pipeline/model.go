// Package pipeline reads the files that describe delivery pipelines, of any of
// several systems, into one model that keeps lines.
//
// The model is what checks see: it has the parts of a pipeline that matter to
// its security, and facts about them that are tedious to find in Rego, such as
// whose text stands in a script. What cannot be read is a [Gap].
package pipeline

// The systems.
const (
	GitHub    = "github-actions"
	Dependa   = "dependabot"
	GitLab    = "gitlab-ci"
	CircleCI  = "circleci"
	Azure     = "azure-pipelines"
	Bitbucket = "bitbucket-pipelines"
	BuildSpec = "codebuild"
	Drone     = "drone"
	Tekton    = "tekton"
	Jenkins   = "jenkins"
)

// The kinds of files.
const (
	KindWorkflow = "workflow"
	KindAction   = "action"
	KindUpdates  = "updates" // of Dependabot
	KindPipeline = "pipeline"
)

// Pipeline is one file. Lines are 1-based.
type Pipeline struct {
	System string `json:"system"`
	Kind   string `json:"kind"`
	Line   int    `json:"line"`
	// Strict is true if the user asked for what is no flaw in most pipelines.
	Strict bool `json:"strict"`
	// Triggers are the events that start it.
	Triggers []Trigger `json:"triggers"`
	// Permissions is nil if the file does not say.
	Permissions *Permissions `json:"permissions,omitempty"`
	Env         []Var        `json:"env"`
	Jobs        []Job        `json:"jobs"`
	// Uses are all references to code of others, of jobs and steps too.
	Uses []Use `json:"uses"`
	// Images are all container images that jobs, services and steps run in.
	Images []Image `json:"images"`
	// Expressions are those with a secret or a flaw, wherever they stand.
	Expressions []Expression `json:"expressions"`
	// Conditions are all conditions of jobs and steps.
	Conditions []Condition `json:"conditions"`
	// Updates are the entries of Dependabot.
	Updates []Update `json:"updates"`
	// Privileged are the places that give a container power over its host.
	Privileged []Oddity `json:"privileged"`
	// Oddities are spellings that hide what is meant.
	Oddities []Oddity `json:"oddities"`
	// Local is true for an action below .github, which only its own repository
	// uses.
	Local bool `json:"local"`
	// Parts are files of the same repository that belong to the pipeline.
	Parts []Part `json:"-"`
	// Calls are the uses of files of the same repository.
	Calls []Call `json:"-"`
	// Gaps are the parts that could not be read.
	Gaps []Gap `json:"-"`
}

// Part is a file that a pipeline includes.
type Part struct {
	Line int
	// Path is as written; it may be a glob.
	Path string
}

// Gap is a part of a file that could not be read.
type Gap struct {
	Line   int
	Reason string
}

// Trigger is an event that starts a pipeline.
type Trigger struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	// Branches, Tags and Types narrow it; empty means all.
	Branches []string `json:"branches"`
	Tags     []string `json:"tags"`
	Types    []string `json:"types"`
	// Inherited is true for an event that starts a caller of the file.
	Inherited bool `json:"inherited"`
}

// Permissions are those of the token that a pipeline or job gets.
type Permissions struct {
	Line int `json:"line"`
	// All is "read-all", "write-all" or "".
	All    string  `json:"all"`
	Scopes []Scope `json:"scopes"`
}

// Scope is one permission.
type Scope struct {
	Name   string `json:"name"`
	Access string `json:"access"`
	Line   int    `json:"line"`
}

// Var is a named value: of an environment, or an input of a step.
type Var struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Line  int    `json:"line"`
}

// Job is a unit that runs on one machine, or a call of another pipeline.
type Job struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	// Runner are the labels of the machine; RunnerLine is where they stand.
	Runner     []string `json:"runner"`
	RunnerLine int      `json:"runner_line"`
	// SelfHosted is true if the machine is one of the user.
	SelfHosted  bool         `json:"self_hosted"`
	Permissions *Permissions `json:"permissions,omitempty"`
	// If is the condition; may be empty.
	If string `json:"if"`
	// Environment is the name of the deployment environment; may be empty.
	Environment string `json:"environment"`
	Env         []Var  `json:"env"`
	// Uses is the pipeline that the job calls; empty if it has steps.
	Uses string `json:"uses"`
	// SecretsInherit is the line that hands all secrets on; 0 if none does.
	SecretsInherit int          `json:"secrets_inherit"`
	Credentials    []Credential `json:"credentials"`
	Steps          []Step       `json:"steps"`
}

// Credential is a login for a registry of images.
type Credential struct {
	Line int `json:"line"`
	// Literal is true if the password stands in the file.
	Literal bool `json:"literal"`
}

// Step is one command or action.
type Step struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Line int    `json:"line"`
	// Uses is what it runs, and Action that without its ref, in lower case.
	Uses     string `json:"uses"`
	Action   string `json:"action"`
	Ref      string `json:"ref"`
	UsesLine int    `json:"uses_line"`
	// Lines are those of the script, with their numbers.
	Lines   []Text `json:"lines"`
	Shell   string `json:"shell"`
	With    []Var  `json:"with"`
	Env     []Var  `json:"env"`
	If      string `json:"if"`
	Never   bool   `json:"never"` // the condition is always false
	RunLine int    `json:"run_line"`
	// ShellLine is where the shell is chosen; 0 if it is not.
	ShellLine int `json:"shell_line"`
	// Injections are the expressions that become part of code.
	Injections []Injection `json:"injections"`
}

// Text is a command of a script: continued lines are joined, comments left out.
type Text struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// Injection is an expression that is pasted into code before it runs.
type Injection struct {
	Line int    `json:"line"`
	Name string `json:"name"` // of the context
	// Taint says who chooses its text.
	Taint string `json:"taint"`
	// Where is "script", or the name of the input.
	Where string `json:"where"`
}

// Use is a reference to code of others.
type Use struct {
	// Sort is "action", "workflow", "docker", "include", "orb", "pipe", "template" or "library".
	Sort string `json:"sort"`
	Text string `json:"text"`
	// Name is without the ref.
	Name string `json:"name"`
	Ref  string `json:"ref"`
	// Pin is "hash", "tag", "branch", "none" or "unknown".
	Pin     string `json:"pin"`
	Line    int    `json:"line"`
	Comment string `json:"comment"`
	// FirstParty is true for what the maker of the system publishes.
	FirstParty bool `json:"first_party"`
	// Resembles is the well-known name that it nearly has; may be empty.
	Resembles string `json:"resembles"`
}

// Image is a container image.
type Image struct {
	Text string `json:"text"`
	Line int    `json:"line"`
	// Pin is "hash", "tag", "none" or "unknown".
	Pin  string `json:"pin"`
	Tag  string `json:"tag"`
	Role string `json:"role"` // "container", "service" or "step"
}

// Expression is an expression and its place.
type Expression struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	Job  int    `json:"job"` // index of the job, or -1
	// Contexts are all contexts in it, and Calls all functions.
	Contexts []string `json:"contexts"`
	// Facts are flaws of the expression itself: "all-secrets", "parsed-secret",
	// "contains", "contains-safe", "ternary", "constant", "literal", "computed-index".
	Facts []string `json:"facts"`
}

// Condition is a condition of a job or step.
type Condition struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	// Always is true if text around an expression makes it always true.
	Always bool `json:"always"`
	// Bots are the comparisons of a name of the person with that of a bot.
	Bots []Bot `json:"bots"`
}

// Bot is a comparison of who acts with the name of a bot.
type Bot struct {
	Context string `json:"context"`
	// Decides is true if the condition holds whenever the comparison does.
	Decides bool `json:"decides"`
}

// Update is an entry of Dependabot.
type Update struct {
	Ecosystem string `json:"ecosystem"`
	Line      int    `json:"line"`
	// Execution is the line that allows code of others to run; 0 if none.
	Execution int `json:"execution"`
	// Cooldown is the line of it; 0 if there is none. Days is -1 if not said.
	Cooldown int `json:"cooldown"`
	Days     int `json:"days"`
	// Insecure is the line of a registry reached without encryption.
	Insecure int `json:"insecure"`
}

// Oddity is a spelling that hides what is meant.
type Oddity struct {
	Line int    `json:"line"`
	What string `json:"what"`
}
