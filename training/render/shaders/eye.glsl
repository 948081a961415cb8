// Sclera, iris and pupil painted around the gaze axis of one eyeball, with the reflection of two lights.
#include "mesh_inputs.glsl"
uniform vec3 u_iris_outer;
uniform vec3 u_iris_inner;
uniform float u_pupil;      // radius as a fraction of the iris
uniform float u_radius;     // of the iris, cm
uniform vec3 u_seed;
uniform vec3 u_centre;      // of the eye on the template
uniform uint u_label;
uniform float u_redness;

vec3 iris(float t, float angle) {
    float fibre = noise(vec3(angle * 9., t * 2., 1.) + u_seed) * .6 + noise(vec3(angle * 21., t * 3., 4.) + u_seed) * .4;
    vec3 c = mix(u_iris_inner, u_iris_outer, smoothstep(.35, .75, t + .25 * (fibre - .5))) * (.45 + 1.1 * fibre);
    c *= 1. - .75 * smoothstep(.78, 1.02, t);  // the dark ring around the iris
    return mix(vec3(.004), c, smoothstep(u_pupil - .04, u_pupil + .05, t));
}

void main() {
    vec3 N = normalize(n);
    vec2 e = (rest - u_centre).xy;
    float distance = length(e);
    float t = distance / u_radius;
    float front = step(0., (rest - u_centre).z);
    vec3 white = vec3(.58, .555, .53) * (.92 + .1 * noise(rest * 2. + u_seed));
    white = mix(white, vec3(.75, .42, .38), clamp((t - 1.1) * .28 * u_redness + .25 * smoothstep(1.5, 2.3, t), 0., .6));
    vec3 albedo = mix(white, iris(t, atan(e.y, e.x)), (1. - smoothstep(.93, 1.07, t)) * front);
    // The lids and lashes shade the upper part and the corners.
    float shade = mix(1., occlusion, .85);
    shade *= 1. - .55 * smoothstep(.05, .75, e.y) * 1.0;
    shade *= 1. - .35 * smoothstep(.9, 1.5, abs(e.x));
    vec3 light = ambient(N) * shade;
    for (int i = 0; i < 3; i++)
        light += u_light_col[i] * max((dot(N, u_light_dir[i]) + .35) / 1.35, 0.)
            * (i == 0 ? mix(.35, 1., shadow(p, N)) : .9) * shade;
    vec3 V = normalize(u_eye - p);
    vec3 c = albedo * light * .92;
    vec3 R = reflect(-V, N);
    for (int i = 0; i < 2; i++) {
        float s = max(dot(R, u_light_dir[i]), 0.);
        c += u_light_col[i] * (smoothstep(.955, .975, s) * .85 + pow(s, 40.) * .05) * (i == 0 ? 1. : .45);
    }
    c += ambient(R) * .05;
    o_colour = vec4(tone(c), 1.);
    o_label = u_label;
}
