{{/* What the tests' pods have in common. */}}
{{- define "asp.testPod" -}}
restartPolicy: Never
activeDeadlineSeconds: {{ int .Values.tests.seconds }}
serviceAccountName: {{ include "asp.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- include "asp.podExtras" . }}
{{- end }}

{{/* What the tests' containers have in common. */}}
{{- define "asp.testContainer" -}}
image: {{ include "asp.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  requests: {cpu: 50m, memory: 96Mi, ephemeral-storage: 16Mi}
  limits: {memory: 512Mi, ephemeral-storage: 64Mi}
{{- end }}
