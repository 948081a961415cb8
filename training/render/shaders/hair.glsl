// Hair and beard: a Kajiya-Kay diffuse term with two shifted highlights, one white and one in the hair's colour.
#include "common.glsl"
in vec3 p;
in vec3 tangent;
in vec4 strand;
in vec3 volume_normal;
in float side;
uniform vec3 u_root_col;
uniform vec3 u_tip_col;
uniform float u_grey;
uniform uint u_label;
uniform float u_shine;
layout(location = 0) out vec4 o_colour;
layout(location = 1) out uint o_label;

void main() {
    vec3 T = normalize(tangent);
    vec3 V = normalize(u_eye - p);
    vec3 N = normalize(volume_normal);
    vec3 S = normalize(cross(T, V));
    N = normalize(N + S * side * .55);
    float t = strand.y;
    float shade = strand.z;
    float streak = noise(vec3(side * 2.3 + shade * 91., t * 5., shade * 37.));
    vec3 albedo = mix(u_root_col, u_tip_col, t) * (.55 + .9 * fract(shade * 7.31) * .75 + .45 * (streak - .5));
    // Greying strand by strand, not as one tint.
    albedo = mix(albedo, vec3(.36, .352, .34) * (.8 + .4 * streak),
        clamp(u_grey + (.5 * smoothstep(0., 1., fract(shade * 13.7)) - .25) * smoothstep(0., .3, u_grey), 0., 1.));
    float open = mix(.38, 1., smoothstep(0., .45, strand.w));
    vec3 sq = (u_shadow_matrix * vec4(p + N * .15, 1.)).xyz * .5 + .5;
    float lit = mix(.22, 1., texture(u_shadow_map, vec3(sq.xy, sq.z - .002)));
    vec3 c = albedo * ambient(N) * open * .85;
    float f = fract(shade * 29.3 + streak);
    for (int i = 0; i < 3; i++) {
        vec3 L = u_light_dir[i];
        float tl = dot(T, L), tv = dot(T, V);
        float sl = sqrt(max(1. - tl * tl, 0.)), sv = sqrt(max(1. - tv * tv, 0.));
        float d = max((dot(N, L) + .25) / 1.25, 0.) * mix(.45, 1., sl);
        float k = i == 0 ? lit : .8;
        c += u_light_col[i] * albedo * d * k * open;
        float shift = -.08 - .05 * (f - .5);
        float tl2 = tl + shift;
        float sp = max(sqrt(max(1. - tl2 * tl2, 0.)) * sv - tl2 * tv, 0.);
        float nl = smoothstep(-.1, .5, dot(N, L));
        c += u_light_col[i] * nl * k * open
            * (pow(sp, 70.) * .06 + pow(max(sl * sv - (tl + .1) * tv, 0.), 18.) * .35 * albedo)
            * u_shine * (.4 + .9 * f);
    }
    o_colour = vec4(tone(c), 1.);
    o_label = u_label;
}
