// Strands are ribbons that turn their width towards the eye (or, for shadows, towards the light).
in vec3 a_position;
in vec3 a_tangent;
in vec4 a_strand;   // signed half width, 0..1 from root to tip, random shade, openness to light
in vec3 a_volume_normal;
uniform mat4 u_mvp;
uniform vec3 u_eye;
uniform float u_widen;
out vec3 p;
out vec3 tangent;
out vec4 strand;
out vec3 volume_normal;
out float side;

void main() {
#ifdef TOWARDS_LIGHT
    vec3 V = normalize(u_eye);
#else
    vec3 V = normalize(u_eye - a_position);
#endif
    vec3 s = normalize(cross(a_tangent, V));
    p = a_position + s * a_strand.x * u_widen;
    tangent = a_tangent;
    strand = a_strand;
    volume_normal = a_volume_normal;
    side = sign(a_strand.x);
    gl_Position = u_mvp * vec4(p, 1.0);
}
