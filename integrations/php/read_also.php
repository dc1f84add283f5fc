<?php
/**
 * Read Also from plain PHP: push an article, delete it, show its list. Needs PHP 7.4 and no extension.
 */

declare(strict_types=1);

/** Store an article; its fields are those of docs/http-api.md. False if the service did not take it. */
function read_also_put(string $service, string $key, array $article): bool
{
    $body = json_encode($article, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
    return read_also_call('PUT', $service, (string) $article['id'], '', $key, $body, 5.0) !== null;
}

/** Delete an article; deleting it twice is no fault. */
function read_also_delete(string $service, string $key, string $id): bool
{
    return read_also_call('DELETE', $service, $id, '', $key, '', 5.0) !== null;
}

/** The list under an article as HTML, which the service has escaped; '' where there is none. */
function read_also_list(string $service, string $key, string $id, array $options = []): string
{
    $call = '/related.html?' . http_build_query($options);
    return read_also_call('GET', $service, $id, $call, $key, '', 0.5) ?? '';
}

/** The body of an answer; null if the service refused or did not answer in time. */
function read_also_call(
    string $method, string $service, string $id, string $call, string $key, string $body, float $seconds
): ?string {
    $http = [
        'method' => $method,
        'header' => "Authorization: Bearer $key\r\nContent-Type: application/json",
        'content' => $body,
        'timeout' => $seconds,
        'follow_location' => 0,
    ];
    $address = $service . '/v1/articles/' . rawurlencode($id) . $call;
    $answer = @file_get_contents($address, false, stream_context_create(['http' => $http]));
    $taken = preg_match('~^HTTP/\S+ 2~', $http_response_header[0] ?? '') === 1; // and no redirect
    return $answer === false || !$taken ? null : $answer;
}
