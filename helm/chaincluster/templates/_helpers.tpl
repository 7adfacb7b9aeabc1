{{- define "chaincluster.name" -}}
{{- .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-chaincluster" .Release.Name) (contains "chaincluster" .Release.Name)) | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "chaincluster.account" -}}
{{- .Values.serviceAccount.name | default (include "chaincluster.name" .) -}}
{{- end -}}

{{- define "chaincluster.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects the operator's pods. The NetworkPolicy of a ChainCluster lets in pods with this name. */}}
{{- define "chaincluster.selector" -}}
app.kubernetes.io/name: chaincluster-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "chaincluster.labels" -}}
{{ include "chaincluster.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The namespace in which `helm test` makes its cluster: one that the operator looks after. */}}
{{- define "chaincluster.testNamespace" -}}
{{- if and .Values.watchNamespaces (not (has .Release.Namespace .Values.watchNamespaces)) -}}
{{- first .Values.watchNamespaces -}}
{{- else -}}
{{- .Release.Namespace -}}
{{- end -}}
{{- end -}}
