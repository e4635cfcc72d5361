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

{{/* Address at which the tests reach the proxy. */}}
{{- define "asp.testAddress" -}}
{{- $name := include "asp.fullname" . -}}
{{- $port := int .Values.config.STREAM_PROXY_GRPC_PORT -}}
{{- if include "asp.hasTls" (list . "grpc") -}}
https://{{ .Values.tests.host | default (printf "%s.%s.svc" $name (include "asp.namespace" .)) }}:{{ $port }}
{{- else -}}
{{ .Values.tests.host | default $name }}:{{ $port }}
{{- end }}
{{- end }}

{{/* Not empty if the stream test reads from the proxy itself, whose feed has the symbol. */}}
{{- define "asp.testUsesProxy" -}}
{{- $config := .Values.config -}}
{{- if or (eq $config.ALPACA_FEED "test") (ne $config.ALPACA_STOCK_STREAM_URL "") (ne .Values.tests.symbol "FAKEPACA") }}yes{{ end }}
{{- end }}

{{/* Variables of a test's client for TLS, from Secrets: CA and client certificate. */}}
{{- define "asp.testTls" -}}
{{- $entries := list -}}
{{- if include "asp.hasTls" (list . "grpc") -}}
{{- with .Values.tests.caSecret | default .Values.tls.existingSecret -}}
{{- $entries = append $entries (list "STREAM_PROXY_CLIENT_CA" . $.Values.tests.caKey (empty $.Values.tests.caSecret)) -}}
{{- end -}}
{{- with .Values.tests.clientSecret -}}
{{- $entries = append $entries (list "STREAM_PROXY_CLIENT_CERT" . "tls.crt" false) -}}
{{- $entries = append $entries (list "STREAM_PROXY_CLIENT_KEY" . "tls.key" false) -}}
{{- end -}}
{{- end -}}
{{- range $entries }}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
      {{- if index . 3 }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}

{{/* Why the tests cannot connect to the proxy; empty if they can. */}}
{{- define "asp.connectObstacle" -}}
{{- if and (include "asp.requiresClientCertificate" .) (not .Values.tests.clientSecret) -}}
the proxy requires a client certificate: name a Secret with one in tests.clientSecret
{{- end }}
{{- end }}

{{/* Why the stream test cannot read from the proxy; empty if it can. */}}
{{- define "asp.streamObstacle" -}}
{{- if and (eq .Values.mode "cluster") (not (include "asp.testUsesProxy" .)) -}}
only hubs have the credentials that Alpaca's test feed needs: name a symbol of the edges' feed in tests.symbol
{{- else if include "asp.testUsesProxy" . -}}
{{- with include "asp.connectObstacle" . -}}
{{ . }}
{{- else -}}
{{- if and (include "asp.hasPolicy" .) (not .Values.tests.tokenSecret) (not .Values.tests.clientSecret) -}}
the proxy has an access policy: name a Secret with a token in tests.tokenSecret
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
