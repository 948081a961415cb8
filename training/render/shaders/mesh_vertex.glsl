in vec3 a_position;
in vec3 a_normal;
in vec3 a_smooth_normal;
in vec3 a_rest;
in vec4 a_aux;
in vec4 a_aux2;
in float a_occlusion;
uniform mat4 u_mvp;
out vec3 p;
out vec3 n;
out vec3 n_smooth;
out vec3 rest;
out vec4 aux;
out vec4 aux2;
out float occlusion;

void main() {
    p = a_position;
    n = a_normal;
    n_smooth = a_smooth_normal;
    rest = a_rest;
    aux = a_aux;
    aux2 = a_aux2;
    occlusion = a_occlusion;
    gl_Position = u_mvp * vec4(a_position, 1.0);
}
