// Gums, tongue and teeth; the light fades towards the throat.
#include "mesh_inputs.glsl"
uniform vec3 u_gum;
uniform vec3 u_teeth;
uniform float u_kind;  // 0 gums and tongue, 1 teeth

void main() {
    vec3 N = normalize(n);
    float depth = smoothstep(3.5, 10.8, rest.z);
    vec3 albedo = u_kind < .5 ? u_gum : u_teeth * (.8 + .2 * noise(rest * 3.));
    float a = mix(.04, .85, depth * depth) * occlusion;
    vec3 light = ambient(N) * a;
    for (int i = 0; i < 3; i++)
        light += u_light_col[i] * max((dot(N, u_light_dir[i]) + .3) / 1.3, 0.) * a
            * (i == 0 ? .25 + .75 * shadow(p, N) : .8);
    vec3 V = normalize(u_eye - p);
    vec3 H = normalize(u_light_dir[0] + V);
    vec3 c = albedo * light + u_light_col[0] * ggx(max(dot(N, H), 0.), .3) * .02 * a;
    o_colour = vec4(tone(c), 1.);
    o_label = LABEL_MOUTH;
}
