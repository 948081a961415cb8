// Glasses, earrings and the bun of tied hair: diffuse and specular, two-sided.
#include "common.glsl"
in vec3 p;
in vec3 n;
layout(location = 0) out vec4 o_colour;
layout(location = 1) out uint o_label;
uniform vec4 u_colour;
uniform float u_specular;
uniform uint u_label;

void main() {
    vec3 N = normalize(n);
    vec3 V = normalize(u_eye - p);
    if (dot(N, V) < 0.) N = -N;
    vec3 c = u_colour.rgb * ambient(N);
    for (int i = 0; i < 3; i++) {
        vec3 H = normalize(u_light_dir[i] + V);
        float s = i == 0 ? mix(.3, 1., shadow(p, N)) : 1.;
        c += u_light_col[i] * s * (u_colour.rgb * max(dot(N, u_light_dir[i]), 0.)
            + u_specular * ggx(max(dot(N, H), 0.), .25) * max(dot(N, u_light_dir[i]), 0.) * .15);
    }
    c += ambient(reflect(-V, N)) * u_specular * (.05 + .6 * pow(1. - max(dot(N, V), 0.), 4.));
    o_colour = vec4(tone(c), u_colour.a);
    o_label = u_label;
}
