{{- define "gatehouse.labels" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "gatehouse.client" -}}
clientConfig:
  service: {name: gatehouse, namespace: {{ .root.Release.Namespace }}, path: {{ .path }}, port: 443}
  {{- if not .root.Values.certificates.certManager }}
  caBundle: {{ required "certificates.caBundle is needed without cert-manager: the base64 of the CA of the certificate" .root.Values.certificates.caBundle }}
  {{- end }}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values:
        - kube-system
        - {{ .root.Release.Namespace }}
        {{- range .root.Values.webhook.excludeNamespaces }}
        - {{ . }}
        {{- end }}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
timeoutSeconds: {{ .root.Values.webhook.timeoutSeconds }}
{{- end }}
