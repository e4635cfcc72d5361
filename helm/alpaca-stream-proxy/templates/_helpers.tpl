{{/*
Fills values that are missing: set to null, or unknown to the release whose values
`helm upgrade --reuse-values` keeps. files/defaults.yaml has the defaults; blocks that
are passed on to Kubernetes (probes, resources, security contexts) are empty there, so
that null removes them. Every template starts with it.
*/}}
{{- define "asp.init" -}}
{{- include "asp.fill" (list .Values (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end }}

{{/* Fills a map from defaults. Takes a list: values, defaults. */}}
{{- define "asp.fill" -}}
{{- $values := index . 0 -}}
{{- range $key, $default := index . 1 -}}
{{- $value := index $values $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := set $values $key $default -}}
{{- else if kindIs "map" $default -}}
{{- include "asp.fill" (list $value $default) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Roots of the roles: what templates see for the objects of a role. They are put into a
dict: the root itself as `proxy`, or in mode `cluster` `hub` and `edge`, with their own
values in place of the common ones. Takes a list: root, dict.
*/}}
{{- define "asp.roots" -}}
{{- $root := index . 0 -}}
{{- $roots := index . 1 -}}
{{- if ne $root.Values.mode "cluster" -}}
{{- $_ := set $roots "proxy" $root -}}
{{- else -}}
{{- range $role := list "hub" "edge" -}}
{{- $own := get $root.Values $role -}}
{{- $values := omit $root.Values "hub" "edge" -}}
{{- $_ := set $values "role" $role -}}
{{- $config := deepCopy $root.Values.config -}}
{{- range $name, $value := $own.config -}}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $config $name $value }}{{ end -}}
{{- end -}}
{{- $_ := set $config "STREAM_PROXY_ROLE" $role -}}
{{- $_ := set $values "config" $config -}}
{{- range $key := list "resources" "affinity" "topologySpreadConstraints" -}}
{{- with get $own $key }}{{ $_ := set $values $key . }}{{ end -}}
{{- end -}}
{{- range $key := list "replicaCount" "podDisruptionBudget" "autoscaling" -}}
{{- $_ := set $values $key (get $own $key) -}}
{{- end -}}
{{- if eq $role "hub" -}}
{{- /* A hub has no clients that have to notice. */ -}}
{{- $_ := set $values "preStopSleepSeconds" 0 -}}
{{- else -}}
{{- $_ := set $values "natsSecret" $own.credentials.existingSecret -}}
{{- end -}}
{{- $_ := set $roots $role (dict "Values" $values "Chart" $root.Chart "Release" $root.Release "Files" $root.Files "Template" $root.Template) -}}
{{- end -}}
{{- range $role, $one := $roots -}}
{{- include "asp.spread" $one -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Spreads the pods of a role over hosts, and edges over zones too, unless values do. */}}
{{- define "asp.spread" -}}
{{- $selector := dict "matchLabels" (include "asp.selectorLabels" . | fromYaml) -}}
{{- if not .Values.affinity -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector -}}
{{- $preferred := list (dict "weight" 100 "podAffinityTerm" $term) -}}
{{- $_ := set .Values "affinity" (dict "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" $preferred)) -}}
{{- end -}}
{{- if not .Values.topologySpreadConstraints -}}
{{- $zones := dict "maxSkew" 1 "topologyKey" "topology.kubernetes.io/zone" "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $selector -}}
{{- $_ := set .Values "topologySpreadConstraints" (list $zones) -}}
{{- end -}}
{{- end }}

{{/* `proxy`, or in mode `cluster` the role: `hub` or `edge`. */}}
{{- define "asp.role" -}}
{{ .Values.role | default "proxy" }}
{{- end }}

{{/* Name of the chart, or nameOverride. */}}
{{- define "asp.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of the objects: release and chart, or only the release if it contains the chart's name. */}}
{{- define "asp.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "asp.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Name of the objects of a role: the full name, with the role in mode `cluster`. */}}
{{- define "asp.roleName" -}}
{{ include "asp.fullname" . }}{{ with .Values.role }}-{{ . }}{{ end }}
{{- end }}

{{/* Namespace of the objects. */}}
{{- define "asp.namespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/* Labels that Services, monitors and policies select the pods of a role by. */}}
{{- define "asp.selectorLabels" -}}
app.kubernetes.io/name: {{ include "asp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ include "asp.role" . }}
{{- end }}

{{/* The program's version as a label value. */}}
{{- define "asp.version" -}}
{{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{/* Labels of every object without commonLabels. */}}
{{- define "asp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "asp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ include "asp.version" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/*
Head of an object's metadata. Takes a list: root, name, own labels, own
annotations, optionally another namespace. Own labels precede commonLabels.
*/}}
{{- define "asp.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ gt (len .) 4 | ternary (last .) "" | default (include "asp.namespace" $root) }}
labels:
  {{- $labels := include "asp.labels" $root | fromYaml }}
  {{- mustMerge (dict) $labels (index . 2 | default dict) $root.Values.commonLabels | toYaml | nindent 2 }}
{{- with mustMerge (dict) (index . 3) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "asp.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "asp.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "asp.secretName" -}}
{{- .Values.credentials.existingSecret | default (printf "%s-credentials" (include "asp.fullname" .)) }}
{{- end }}

{{/* The image by digest, which a published chart has, or by tag. */}}
{{- define "asp.image" -}}
{{- with .Values.image }}
{{- $name := trimPrefix "/" (printf "%s/%s" .registry .repository) }}
{{- $own := empty .tag | ternary ($.Files.Get "files/image_digest.txt" | trim) "" }}
{{- with .digest | default $own }}
{{- printf "%s@%s" $name . }}
{{- else }}
{{- printf "%s:%s" $name (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A value as text: Helm would print 10000000 as 1e+07. */}}
{{- define "asp.text" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* `host:port` of a URL, with the scheme's default port. */}}
{{- define "asp.urlAddress" -}}
{{- $url := urlParse . -}}
{{- if regexMatch ":[0-9]+$" $url.host }}{{ $url.host }}
{{- else if has $url.scheme (list "https" "wss") }}{{ $url.host }}:443
{{- else if has $url.scheme (list "nats" "tls") }}{{ $url.host }}:4222
{{- else }}{{ $url.host }}:80
{{- end }}
{{- end }}

{{/*
Addresses of --allow-net: own ports, Alpaca, every URL in the config. A hub has no
ports for clients, and an edge does not connect to Alpaca.
Takes a list: root, config.
*/}}
{{- define "asp.allowNet" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $role := include "asp.role" $root -}}
{{- if eq $role "hub" }}{{ $config = omit $config "STREAM_PROXY_GRPC_PORT" "STREAM_PROXY_WEBSOCKET_PORT" }}{{ end -}}
{{- if eq $role "edge" -}}
{{- range $name := keys $config }}{{ if regexMatch "^ALPACA_.*_URL$" $name }}{{ $config = omit $config $name }}{{ end }}{{ end -}}
{{- end -}}
{{- $host := $config.STREAM_PROXY_HOST -}}
{{- if contains ":" $host }}{{ $host = printf "[%s]" (trimAll "[]" $host) }}{{ end -}}
{{- $list := list -}}
{{- range $name, $value := $config }}
{{- if and (hasSuffix "_PORT" $name) (ne (int $value) 0) }}
{{- $list = append $list (printf "%s:%d" $host (int $value)) }}
{{- else if and (kindIs "string" $value) (regexMatch "^(wss?|https?|nats|tls)://" (toString $value)) }}
{{- range splitList "," $value }}
{{- $list = append $list (include "asp.urlAddress" (trim .)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if ne $role "edge" }}
{{- range splitList "\n" (trim ($root.Files.Get "files/alpaca_hosts.txt")) }}
{{- $list = append $list (printf "%s:443" .) }}
{{- end }}
{{- end }}
{{- concat $list $root.Values.permissions.extraNet | uniq | join "," }}
{{- end }}

{{/* Variables of --allow-env. Takes a list: root, config. */}}
{{- define "asp.allowEnv" -}}
{{- $root := index . 0 -}}
{{- $names := concat (keys (index . 1)) (keys $root.Values.credentials.keys) | sortAlpha -}}
{{- range $root.Values.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- $runtime := splitList "\n" (trim ($root.Files.Get "files/runtime_variables.txt")) -}}
{{- concat $names $runtime $root.Values.permissions.extraEnv | uniq | join "," }}
{{- end }}

{{/* Ports of Alpaca and of the URLs in `config` that replace it, as a JSON list; of a single proxy, those of NATS too. */}}
{{- define "asp.upstreamPorts" -}}
{{- $ports := list 443 -}}
{{- range $name, $value := .Values.config }}
{{- $isUpstream := or (hasPrefix "ALPACA_" $name) (has $name (list "HTTPS_PROXY" "STREAM_PROXY_NATS_URL")) }}
{{- if $.Values.role }}{{ $isUpstream = and $isUpstream (ne $name "STREAM_PROXY_NATS_URL") }}{{ end }}
{{- if and $isUpstream (regexMatch "^(wss?|https?|nats|tls)://" (toString $value)) }}
{{- range splitList "," $value }}
{{- $ports = append $ports (include "asp.urlAddress" (trim .) | trim | splitList ":" | last | int) }}
{{- end }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/*
Heap limit in MiB: heapLimitMiB, or two thirds of the memory limit, which the
runtime does not know; empty without both. Any memory limit counts as at least
1 MiB of heap, so that asp.validate refuses a limit that is too small.
*/}}
{{- define "asp.heapLimit" -}}
{{- $limit := .Values.heapLimitMiB -}}
{{- $memory := get (.Values.resources.limits | default dict) "memory" -}}
{{- $hasMemory := not (or (kindIs "invalid" $memory) (eq (toString $memory) "")) -}}
{{- if and (kindIs "invalid" $limit) $hasMemory }}
{{- $limit = divf (include "asp.bytes" $memory) 1572864 | int | max 1 }}
{{- end }}
{{- if gt (int $limit) 0 }}{{ max 64 (int $limit) }}{{ end }}
{{- end }}

{{/* Bytes of a quantity such as 1Gi, 1.5G, 1e9 or a number. */}}
{{- define "asp.bytes" -}}
{{- $text := include "asp.text" . -}}
{{- $number := regexFind "^[0-9]+([.][0-9]*)?([eE][-+]?[0-9]+)?" $text -}}
{{- $units := dict "_" 1 "_m" 0.001 "_k" 1e3 "_M" 1e6 "_G" 1e9 "_T" 1e12 "_P" 1e15 -}}
{{- $units = merge $units (dict "_Ki" 1024 "_Mi" 1048576 "_Gi" 1073741824 "_Ti" 1099511627776) -}}
{{- $unit := get $units (printf "_%s" (trimPrefix $number $text)) -}}
{{- if or (not (and $number $unit)) (regexMatch "[eE].*[a-zA-Z]$" $text) -}}
{{- fail (printf "resources.limits.memory is %s, which is no amount of memory: write for example 1Gi" $text) -}}
{{- end -}}
{{- mulf (float64 $number) $unit | int64 -}}
{{- end }}

{{/* Arguments of a container that runs the proxy. Takes a list: root, config. */}}
{{- define "asp.proxyArgs" -}}
- --allow-env={{ include "asp.allowEnv" . }}
- --allow-net={{ include "asp.allowNet" . }}
{{- with include "asp.heapLimit" (index . 0) }}
- --v8-flags=--max-old-space-size={{ . }}
{{- end }}
- /app/src/start.ts
{{- end }}

{{/*
Credentials as environment variables. Takes a list: root, keys by variable. A variable
with a Secret of its own is required: without it the proxy would start less protected.
*/}}
{{- define "asp.credentialsEnv" -}}
{{- $root := index . 0 -}}
{{- $isEdge := eq (include "asp.role" $root) "edge" -}}
{{- range $variable, $key := index . 1 }}
{{- $own := get $root.Values.credentials.secretNames $variable }}
{{- $name := $own | default (include "asp.secretName" $root) }}
{{- if $isEdge }}
{{- /* Never Alpaca's keys, nor what the hubs log in to NATS with. */}}
{{- if hasPrefix "ALPACA_" $variable }}{{ $name = "" }}{{ end }}
{{- if hasPrefix "STREAM_PROXY_NATS_" $variable }}{{ $name = $root.Values.natsSecret }}{{ $own = "" }}{{ end }}
{{- end }}
{{- with $name }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $key | default $variable }}
      {{- if not (or $own (has $variable (splitList "\n" (trim ($root.Files.Get "files/required_credentials.txt"))))) }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Folder of the files of tls.existingSecret. */}}
{{- define "asp.tlsFolder" -}}
/etc/alpaca-stream-proxy/tls
{{- end }}

{{/* Paths of the files of tls.existingSecret by variable, as YAML. */}}
{{- define "asp.tlsFiles" -}}
{{- with .Values.tls }}
{{- if .existingSecret }}
STREAM_PROXY_TLS_CERT_FILE: {{ include "asp.tlsFolder" $ }}/{{ .certKey }}
STREAM_PROXY_TLS_KEY_FILE: {{ include "asp.tlsFolder" $ }}/{{ .keyKey }}
{{- with .clientCaKey }}
STREAM_PROXY_TLS_CLIENT_CA_FILE: {{ include "asp.tlsFolder" $ }}/{{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Paths of --allow-read: exactly the files of certificates and keys. */}}
{{- define "asp.allowRead" -}}
{{- $files := values (include "asp.tlsFiles" . | fromYaml) -}}
{{- range $name, $value := .Values.config }}
{{- if and (hasPrefix "STREAM_PROXY_TLS_" $name) (hasSuffix "_FILE" $name) $value }}
{{- $files = append $files $value }}
{{- end }}
{{- end }}
{{- $files | sortAlpha | uniq | join "," }}
{{- end }}

{{/* Not empty if a port has TLS. Takes a list: root, `grpc`, `websocket`, `health` or `metrics`. */}}
{{- define "asp.hasTls" -}}
{{- $root := index . 0 -}}
{{- $config := $root.Values.config -}}
{{- $isOn := or $root.Values.tls.existingSecret $config.STREAM_PROXY_TLS_CERT $config.STREAM_PROXY_TLS_CERT_FILE -}}
{{- if and $isOn (contains (index . 1) (lower $config.STREAM_PROXY_TLS_PORTS)) }}yes{{ end }}
{{- end }}

{{/* Not empty if gRPC clients need a certificate. */}}
{{- define "asp.requiresClientCertificate" -}}
{{- $config := .Values.config -}}
{{- $ca := or .Values.tls.clientCaKey $config.STREAM_PROXY_TLS_CLIENT_CA $config.STREAM_PROXY_TLS_CLIENT_CA_FILE -}}
{{- $isRequired := ne (lower $config.STREAM_PROXY_TLS_CLIENT_AUTH) "request" -}}
{{- if and (include "asp.hasTls" (list . "grpc")) $ca $isRequired }}yes{{ end }}
{{- end }}

{{/* Not empty if the chart knows of an access policy; another can be in existingSecret. */}}
{{- define "asp.hasPolicy" -}}
{{- with .Values.credentials }}
{{- if or .secretNames.STREAM_PROXY_ACCESS (and (not .existingSecret) .values.STREAM_PROXY_ACCESS) }}yes{{ end }}
{{- end }}
{{- end }}

{{/* Name of the port that serves /metrics. */}}
{{- define "asp.metricsPort" -}}
{{- if eq (int .Values.config.STREAM_PROXY_METRICS_PORT) 0 }}health{{ else }}metrics{{ end }}
{{- end }}

{{/* Enabled feeds, as an alternation for PromQL. */}}
{{- define "asp.feeds" -}}
{{- .Values.config.STREAM_PROXY_FEEDS | replace "," "|" }}
{{- end }}

{{/* Seconds before SIGKILL: the value, or what the shutdown needs and 5 s. */}}
{{- define "asp.terminationGracePeriodSeconds" -}}
{{- $grace := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $grace -}}
{{- $grace = add (int .Values.preStopSleepSeconds) (int .Values.config.STREAM_PROXY_DRAIN_SECS) 25 -}}
{{- end -}}
{{- int $grace -}}
{{- end }}

{{/* Checks of the mode that a schema cannot express. */}}
{{- define "asp.validateMode" -}}
{{- with .Values }}
{{- range $block, $config := dict "config" .config "hub.config" .hub.config "edge.config" .edge.config }}
{{- $role := get $config "STREAM_PROXY_ROLE" | default "single" }}
{{- if ne $role "single" }}
{{- fail (printf "%s.STREAM_PROXY_ROLE is %s, but roles follow from mode: remove it, and set mode to cluster" $block $role) }}
{{- end }}
{{- end }}
{{- if eq .mode "cluster" }}
{{- range $block, $config := dict "hub.config" .hub.config "edge.config" .edge.config }}
{{- range $name := keys $config | sortAlpha }}
{{- if regexMatch "_PORT$|^STREAM_PROXY_(TLS_|FEEDS$|NATS_PREFIX$|HOST$)|^ALPACA_|^CREAM_ENV$" $name }}
{{- fail (printf "%s.%s would differ between hubs and edges: set it in config" $block $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not .config.STREAM_PROXY_NATS_URL }}
{{- fail "mode is cluster and config.STREAM_PROXY_NATS_URL is empty: name the NATS servers through which hubs and edges communicate, such as tls://nats.nats.svc:4222" }}
{{- end }}
{{- $shared := list .credentials.existingSecret .credentials.secretNames.STREAM_PROXY_NATS_CREDS .credentials.secretNames.STREAM_PROXY_NATS_PASSWORD .credentials.secretNames.STREAM_PROXY_NATS_TOKEN .credentials.secretNames.STREAM_PROXY_NATS_NKEY }}
{{- if and .edge.credentials.existingSecret (has .edge.credentials.existingSecret $shared) }}
{{- fail (printf "edge.credentials.existingSecret is %s, which has the credentials of the hubs: edges need their own user of NATS, who cannot publish what hubs publish" .edge.credentials.existingSecret) }}
{{- end }}
{{- if and .edge.autoscaling.enabled (lt (int .edge.autoscaling.maxReplicas) (int .edge.autoscaling.minReplicas)) }}
{{- fail (printf "edge.autoscaling.maxReplicas (%d) is below minReplicas (%d)" (int .edge.autoscaling.maxReplicas) (int .edge.autoscaling.minReplicas)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Checks that a schema cannot express, for a role. */}}
{{- define "asp.validate" -}}
{{- with .Values }}
{{- $grace := int (include "asp.terminationGracePeriodSeconds" $) }}
{{- $stop := add (int .config.STREAM_PROXY_DRAIN_SECS) 20 }}
{{- if lt $grace (int (add (int .preStopSleepSeconds) $stop)) }}
{{- fail (printf "terminationGracePeriodSeconds is %d, but preStopSleepSeconds (%d) and a clean stop (%d s with config.STREAM_PROXY_DRAIN_SECS) need %d" $grace (int .preStopSleepSeconds) $stop (add (int .preStopSleepSeconds) $stop)) }}
{{- end }}
{{- if not .credentials.existingSecret }}
{{- range splitList "\n" (trim ($.Files.Get "files/required_credentials.txt")) }}
{{- if not (get $.Values.credentials.values .) }}
{{- fail (printf "credentials.existingSecret is empty and so is credentials.values.%s: name a Secret that holds the credentials (kubectl create secret generic alpaca --from-literal=ALPACA_KEY=... --from-literal=ALPACA_SECRET=...), or set the values" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- $loopback := list "127[.].*" "(.*[.])?localhost([.]localdomain)?[.]?" "ip6-(localhost|loopback)" }}
{{- $loopback = concat $loopback (list "(0*:)+0*1" "(0*:)+(ffff:)?127[.].*" "(0*:)+(ffff:)?7f..:.*") }}
{{- $host := .config.STREAM_PROXY_HOST | lower | trimAll "[]" }}
{{- if regexMatch (printf "^(%s)$" (join "|" $loopback)) $host }}
{{- fail (printf "config.STREAM_PROXY_HOST is %s, which only the pod itself can reach: no client, no probe and no scrape. Leave it at 0.0.0.0 (:: for IPv6) and limit clients with networkPolicy.ingress" .config.STREAM_PROXY_HOST) }}
{{- end }}
{{- range $block, $names := dict "commonLabels" (list "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by") "podLabels" (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version") }}
{{- range $name := $names }}
{{- if hasKey (get $.Values $block) $name }}
{{- fail (printf "%s sets %s, which the chart sets itself, and by which Services find the pod: choose another label, or change nameOverride" $block $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $ports := list }}
{{- range $name, $value := .config }}
{{- if and (hasSuffix "_PORT" $name) (ne (int $value) 0) }}
{{- if has (int $value) $ports }}{{ fail (printf "config.%s is %d, which is also another port of config" $name (int $value)) }}{{ end }}
{{- $ports = append $ports (int $value) }}
{{- end }}
{{- end }}
{{- with include "asp.heapLimit" $ }}
{{- $queues := int64 $.Values.config.STREAM_PROXY_QUEUE_MEMORY_MB }}
{{- $symbols := int64 $.Values.config.STREAM_PROXY_MAX_SYMBOLS }}
{{- $needed := add 120 $queues (div (add (mul $symbols 1350) 1048575) 1048576) }}
{{- if gt $needed (int64 .) }}
{{- fail (printf "the heap limit is %s MiB, but config.STREAM_PROXY_QUEUE_MEMORY_MB (%d), config.STREAM_PROXY_MAX_SYMBOLS (%d) and 120 MiB for the rest may need %d MiB: lower these two, raise resources.limits.memory (two thirds of it are the heap's) or set heapLimitMiB" . $queues $symbols $needed) }}
{{- end }}
{{- range $name, $bytes := dict "STOCK_QUOTES" 332 "STOCK_TRADES" 312 "STOCK_BARS" 382 "STOCK_UPDATED_BARS" 382 "STOCK_DAILY_BARS" 382 "TRADING_STATUSES" 382 "PRICE_BANDS" 302 "TRADE_CORRECTIONS" 512 "IMBALANCES" 262 "OPTIONS_QUOTES" 312 "OPTIONS_TRADES" 272 "ORDER_UPDATES" 2008 "CRYPTO_QUOTES" 312 "CRYPTO_TRADES" 312 "CRYPTO_BARS" 382 "CRYPTO_UPDATED_BARS" 382 "CRYPTO_DAILY_BARS" 382 "ORDERBOOKS" 808 "NEWS" 4008 }}
{{- $capacity := printf "STREAM_PROXY_%s_CAPACITY" $name }}
{{- $most := div (mul $queues 1048576) $bytes }}
{{- if gt (int64 (get $.Values.config $capacity)) $most }}
{{- fail (printf "config.%s is %d, but config.STREAM_PROXY_QUEUE_MEMORY_MB (%d) holds %d such messages in all queues: lower the one or raise the other" $capacity (int64 (get $.Values.config $capacity)) $queues $most) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor are both enabled: every sample would be kept twice. Choose one" }}
{{- end }}
{{- if and .gateway.enabled (not .gateway.parentRefs) }}
{{- fail "gateway.enabled needs gateway.parentRefs: name the Gateway" }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.hosts) }}
{{- fail "ingress.enabled needs ingress.hosts: name at least one host" }}
{{- end }}
{{- end }}
{{- end }}
