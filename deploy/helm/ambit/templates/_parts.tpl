{{- /* An image of the mesh: a list of the root context and the part. */ -}}
{{- define "ambit.image" -}}
{{- $root := index . 0 -}}
{{- printf "%s/%s:%s" $root.Values.global.hub (index . 1) ($root.Values.global.tag | default $root.Chart.AppVersion) -}}
{{- end -}}

{{- /* A manifest of the plain installation, in the namespace of this one. */ -}}
{{- define "ambit.manifest" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (index . 1) | replace "istio-system" $root.Release.Namespace -}}
{{- end -}}

{{- /* Variables by name. */ -}}
{{- define "ambit.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{- /* Where proxies find the controller. */ -}}
{{- define "ambit.controller" -}}
{{- printf "istiod.%s.svc:15012" .Release.Namespace -}}
{{- end -}}

{{- /* How images are fetched. */ -}}
{{- define "ambit.pull" -}}
{{- with .Values.global.imagePullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end -}}

{{- define "ambit.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "ambit.cniBinDir" -}}
{{- $folders := dict "gke" "/home/kubernetes/bin" "openshift" "/var/lib/cni/bin" "k3s" "/var/lib/rancher/k3s/data/cni" "k3d" "/bin" "microk8s" "/var/snap/microk8s/current/opt/cni/bin" -}}
{{- .Values.cni.cniBinDir | default (get $folders .Values.global.platform) | default "/opt/cni/bin" -}}
{{- end -}}

{{- define "ambit.cniConfDir" -}}
{{- $folders := dict "openshift" "/etc/cni/multus/net.d" "k3s" "/var/lib/rancher/k3s/agent/etc/cni/net.d" "k3d" "/var/lib/rancher/k3s/agent/etc/cni/net.d" "microk8s" "/var/snap/microk8s/current/args/cni-network" -}}
{{- .Values.cni.cniConfDir | default (get $folders .Values.global.platform) | default "/etc/cni/net.d" -}}
{{- end -}}
