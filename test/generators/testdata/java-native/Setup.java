import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.model.Problem;

class Setup {
    static ApiClient client(String url, String token) {
        var client = new ApiClient();
        client.updateBaseUri(url);
        if (token != null) client.setRequestInterceptor(r -> r.header("Authorization", "Bearer " + token));
        return client;
    }

    static Problem problem(ApiException e) throws Exception {
        return ApiClient.createDefaultObjectMapper().readValue(e.getResponseBody(), Problem.class);
    }
}
