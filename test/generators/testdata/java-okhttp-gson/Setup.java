import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.model.Problem;

class Setup {
    static ApiClient client(String url, String token) {
        var client = new ApiClient().setBasePath(url);
        if (token != null) client.setBearerToken(token);
        return client;
    }

    static Problem problem(ApiException e) throws Exception {
        return Problem.fromJson(e.getResponseBody());
    }
}
