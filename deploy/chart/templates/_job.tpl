{{/* A program that runs once: (dict "root" . "job" "install" "args" (list …) "hook" annotations); "account" when it is another's, "tries" after the first. */}}
{{- define "clops.job" }}
{{- $ := .root }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "clops.name" $ }}-{{ .job }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "clops.labels" $ | nindent 4 }}
  annotations: {{- .hook | nindent 4 }}
spec:
  backoffLimit: {{ .tries | default 4 }}
  # Where no hook removes it: a finished job cannot be applied again with another image.
  ttlSecondsAfterFinished: 600
  template:
    metadata:
      labels:
        {{- include "clops.labels" $ | nindent 8 }}
        app.kubernetes.io/component: {{ .job }}
    spec:
      serviceAccountName: {{ include "clops.name" $ }}-{{ .account | default .job }}
      restartPolicy: Never
      enableServiceLinks: false
      securityContext: {{- include "clops.podSecurity" $ | nindent 8 }}
      {{- with $.Values.image.pullSecrets }}
      imagePullSecrets: {{- range . }}
        - {name: {{ . }}}
      {{- end }}
      {{- end }}
      {{- with include "clops.placement" $.Values.controller }}{{ . | nindent 6 }}{{ end }}
      containers:
        - name: {{ .job }}
          image: {{ include "clops.image" $ }}
          imagePullPolicy: {{ $.Values.image.pullPolicy }}
          args: {{- toYaml .args | nindent 12 }}
          env: {{- include "clops.env" $ | nindent 12 }}
          terminationMessagePolicy: FallbackToLogsOnError
          resources: {requests: {cpu: 50m, memory: 96Mi}, limits: {memory: 384Mi}}
          securityContext: {{- include "clops.security" $ | nindent 12 }}
{{- end }}
