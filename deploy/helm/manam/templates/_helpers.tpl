{{- define "manam.labels" -}}
app.kubernetes.io/name: manam
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "manam.selector" -}}
app.kubernetes.io/name: manam
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "manam.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "manam.environment" -}}
- name: MANAM_ISSUER
  value: {{ required "issuer is required" .Values.issuer | quote }}
- name: MIGRATE_AT_START
  value: {{ empty .Values.migrations.secretName | quote }}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "manam.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "manam.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
