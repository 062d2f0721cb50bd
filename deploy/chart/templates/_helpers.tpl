{{- define "clops.name" -}}
{{- if contains "clops" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-clops" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "clops.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "clops.selector" -}}
app.kubernetes.io/name: clops
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "clops.labels" -}}
{{ include "clops.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-._" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "clops.secret" -}}
{{ .Values.secret.existing | default (include "clops.name" .) }}
{{- end }}

{{- define "clops.extraCA" -}}
{{ (.Values.extraCA | default dict).configMap | default "" }}
{{- end }}

{{- define "clops.gateway" -}}
{{ .Values.gateway.namespace | default .Release.Namespace }}/{{ .Values.gateway.name }}
{{- end }}

{{- define "clops.apiUrl" -}}
{{- $port := .Values.api.service.port | int -}}
{{ .Values.apiUrl | default (printf "http://%s-api.%s.svc.%s%s" (include "clops.name" .) .Release.Namespace .Values.clusterDomain (ternary "" (printf ":%d" $port) (eq $port 80))) }}
{{- end }}

{{/* Pod Security's profile `restricted`. 65532 is the user of the image. */}}
{{- define "clops.podSecurity" -}}
runAsNonRoot: true
{{- if ne (.Values.runAsUser | default "fixed") "any" }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "clops.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the pods of one set of values may run. */}}
{{- define "clops.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every role is told. */}}
{{- define "clops.env" -}}
- {name: NODE_ENV, value: production}
- {name: CLOPS_CLUSTER, value: external}
- {name: CLOPS_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: CLOPS_GATEWAY, value: {{ include "clops.gateway" . | quote }}}
- {name: CLOPS_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
- {name: CLOPS_BIND, value: 0.0.0.0}
- {name: CLOPS_HTTP_PORT, value: "4000"}
{{- end }}

{{/* What those with a database are told besides. */}}
{{- define "clops.dataEnv" -}}
- {name: CLOPS_URL, value: {{ include "clops.apiUrl" . | quote }}}
- {name: CLOPS_DATA_DIR, value: /var/lib/clops}
- {name: CLOPS_METRICS_PORT, value: "4001"}
- {name: CLOPS_SECRETS_DIR, value: /var/run/clops/secrets}
- {name: CLOPS_MAX_ARTIFACT_BYTES, value: {{ .Values.api.maxArtifactBytes | int64 | quote }}}
{{- with .Values.artifacts.s3 }}{{/* What is not there: values of a release that was made by an older chart. */}}
{{- if .bucket }}
{{- $keys := required "artifacts.s3.bucket needs artifacts.s3.existingSecret: the name of a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." .existingSecret }}
- {name: CLOPS_ARTIFACTS, value: {{ printf "s3://%s/%s" .bucket (.prefix | default "") | quote }}}
- {name: AWS_REGION, value: {{ .region | default "us-east-1" | quote }}}
{{- with .endpoint }}
- {name: AWS_ENDPOINT_URL_S3, value: {{ . | quote }}}
{{- end }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- {name: {{ . }}, valueFrom: {secretKeyRef: {name: {{ $keys }}, key: {{ . }}}}}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.newCluster }}
- {name: CLOPS_NEW_CLUSTER, value: {{ . | quote }}}
{{- end }}
{{- with include "clops.extraCA" . }}
- {name: NODE_EXTRA_CA_CERTS, value: {{ printf "/etc/clops/ca/%s" ($.Values.extraCA.key | default "ca.crt") | quote }}}
{{- end }}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ required "database.existingSecret is required: the name of a Secret with the URL of a Postgres 15 or newer, e.g. kubectl create secret generic clops-database --from-literal=DATABASE_URL=postgres://…" .Values.database.existingSecret }}, key: {{ .Values.database.key }}}}
{{- end }}

{{- define "clops.probes" -}}
startupProbe: {httpGet: {path: /livez, port: http}, periodSeconds: 2, failureThreshold: 90}
livenessProbe: {httpGet: {path: /livez, port: http}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 3, timeoutSeconds: 3}
{{- end }}

{{/* One role as a Deployment: (dict "root" . "role" "api" "values" .Values.api "env" … "mounts" … "volumes" … "strategy" …) */}}
{{- define "clops.deployment" -}}
{{- $ := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "clops.name" $ }}-{{ .role }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "clops.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  replicas: {{ .values.replicas }}
  revisionHistoryLimit: 3
  {{- with .strategy }}
  strategy: {type: {{ . }}}
  {{- end }}
  selector:
    matchLabels:
      {{- include "clops.selector" $ | nindent 6 }}
      app.kubernetes.io/component: {{ .role }}
  template:
    metadata:
      labels:
        {{- include "clops.labels" $ | nindent 8 }}
        app.kubernetes.io/component: {{ .role }}
      {{- with .values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "clops.name" $ }}-{{ .role }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext: {{- include "clops.podSecurity" $ | nindent 8 }}
      {{- with $.Values.image.pullSecrets }}
      imagePullSecrets: {{- range . }}
        - {name: {{ . }}}
      {{- end }}
      {{- end }}
      {{- with include "clops.placement" .values }}{{ . | nindent 6 }}{{ end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "clops.selector" $ | nindent 14 }}
              app.kubernetes.io/component: {{ .role }}
      containers:
        - name: {{ .role }}
          image: {{ include "clops.image" $ }}
          imagePullPolicy: {{ $.Values.image.pullPolicy }}
          args: [{{ .role }}]
          env:
            {{- include "clops.env" $ | nindent 12 }}
            {{- if eq .role "controller" }}
            # Without it the space for new objects grows when many deployments roll at once: a third more memory, for no gain in CPU.
            - {name: NODE_OPTIONS, value: --max-semi-space-size=8}
            {{- end }}
            {{- with .env }}{{ . | nindent 12 }}{{ end }}
          ports: [{name: http, containerPort: 4000}{{ if .env }}, {name: metrics, containerPort: 4001}{{ end }}]
          {{- include "clops.probes" $ | nindent 10 }}
          {{- if eq .role "api" }}
          # Until whoever routes has taken it out, it answers on: it stops listening as soon as it is asked to end.
          lifecycle: {preStop: {sleep: {seconds: 5}}}
          {{- end }}
          terminationMessagePolicy: FallbackToLogsOnError
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext: {{- include "clops.security" $ | nindent 12 }}
          {{- with .mounts }}
          volumeMounts: {{- . | nindent 12 }}
            {{- with include "clops.extraCA" $ }}
            - {name: extra-ca, mountPath: /etc/clops/ca, readOnly: true}
            {{- end }}
          {{- end }}
      {{- with .volumes }}
      volumes: {{- . | nindent 8 }}
        {{- with include "clops.extraCA" $ }}
        - {name: extra-ca, configMap: {name: {{ . }}}}
        {{- end }}
      {{- end }}
{{- end }}
