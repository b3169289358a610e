package pipeline

import "testing"

func TestJenkins(t *testing.T) {
	p, err := ReadJenkins([]byte(`@Library('tools@main') _
pipeline { // 'no'
  agent { docker { image 'node:20' } }
  stages {
    stage('Build') {
      steps {
        sh 'make "all" $BRANCH_NAME'
        sh """
          git checkout ${env.CHANGE_BRANCH}
          echo ${params.WHO} \${HOME}
        """
        sh(script: "one", returnStdout: true)
        echo "two"
        sh command
      }
    }
  }
}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := "jenkins uses=tools@main:branch:1 images=node:20:tag:3 lines=7:make \"all\" $BRANCH_NAME,9:git checkout ${env.CHANGE_BRANCH},10:echo ${params.WHO} \\${HOME},12:one injections=9:env.CHANGE_BRANCH:outsider,10:params.WHO:input"
	if got := summary(p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(p.Gaps) != 1 || p.Gaps[0].Line != 14 {
		t.Errorf("gaps: %+v", p.Gaps)
	}
	for _, bad := range []string{"sh 'a", "/* a", "sh '''a", "sh \"a\\"} {
		if _, err := ReadJenkins([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
